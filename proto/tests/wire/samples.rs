//! One named value of each type on the wire, to compare with the golden bytes.

use std::fmt::Debug;

use qchat_proto::command::*;
use qchat_proto::file_stream::{BlockHeader, FileHeader};
use qchat_proto::frame::{self, DecodeError};
use qchat_proto::{
    Address, BlockHash, Body, BoundedVec, ClientId, Command, Digest, File, FilePath, Fingerprint,
    Handle, Message, MessageId, Receipt, Refusal, Request, Sequence, SessionId, SessionToken,
    Timestamp, TransferId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::variants::{
    address_name, block_header_name, body_name, event_name, log_name, opening_name, refusal_name,
    selection_name,
};

type Matches = Box<dyn Fn(&[u8]) -> bool + Send>;

/// A named value, its bytes, and functions that decode such bytes.
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    /// Whether the bytes decode, as the sample's type, to the sample's value.
    pub(crate) is: Matches,
    /// Decodes the bytes as the sample's type, and drops the value.
    pub(crate) decode: fn(&[u8]) -> Result<(), DecodeError>,
}

pub(crate) fn sample<T>(name: impl Into<String>, value: T) -> Sample
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + Send + 'static,
{
    Sample {
        name: name.into(),
        bytes: frame::encode(&value),
        is: Box::new(move |bytes| frame::decode::<T>(bytes).as_ref() == Ok(&value)),
        decode: |bytes| frame::decode::<T>(bytes).map(drop),
    }
}

pub(crate) fn file() -> File {
    File {
        name: "1763833207123_report.pdf".parse().unwrap(),
        original: "report.pdf".into(),
        size: 12_345,
        digest: Digest([0xdd; 32]),
    }
}

fn message(log: Address, body: Body) -> Message {
    Message {
        id: MessageId { log, sequence: Sequence(17) },
        from: "alice".parse().unwrap(),
        at: Timestamp::from_milliseconds(1_763_833_207_123),
        body,
        unread: true,
    }
}

fn text_message() -> Message {
    let text = Body::Text("it's  \"fine\"".to_owned().try_into().unwrap());
    message(Address::User("bob".parse().unwrap()), text)
}

fn file_message() -> Message {
    message(Address::Group("lab".parse().unwrap()), Body::File(file()))
}

fn page_mark() -> PageMark {
    PageMark { floor: Sequence(3), end: Sequence(300), after: Sequence(150), more: true }
}

fn file_mark() -> FileMark {
    FileMark { path: "photos/2024/report.pdf".into(), name: file().name }
}

fn values() -> BlockHashes {
    BoundedVec::first_of([BlockHash([0xb1; 32])])
}

fn token() -> SessionToken {
    SessionToken::from_hex(&"5e".repeat(32)).unwrap()
}

fn session_id() -> SessionId {
    SessionId([0x1d; 6])
}

/// One request of each variant.
pub(crate) fn requests() -> Vec<Request> {
    let id = ClientId([0xc1; 16]);
    let transfer = TransferId(300);
    let bob = || "bob".parse().unwrap();
    let lab = || "lab".parse().unwrap();
    let password = || "correct horse".to_owned().try_into().unwrap();
    vec![
        Register { id, user: "alice".parse().unwrap(), password: password() }.into(),
        Login { user: "alice".parse().unwrap(), password: password() }.into(),
        Resume { token: token() }.into(),
        Logout.into(),
        Users { after: None }.into(),
        SendText {
            id,
            to: Address::User(bob()),
            text: "hi \u{1f980}".to_owned().try_into().unwrap(),
        }
        .into(),
        History {
            log: Log::Group(lab()),
            selection: Selection::UnreadAndNewest(20),
            from: Some(bob()),
            before: Some(Sequence(18)),
            page: Some(page_mark()),
        }
        .into(),
        MarkRead {
            log: Log::Inbox,
            ranges: BoundedVec::first_of([SequenceRange {
                first: Sequence(2),
                last: Sequence(200),
            }]),
        }
        .into(),
        Upload { id, to: Address::Group(lab()), name: "report.pdf".into(), size: 12_345, transfer }
            .into(),
        Download {
            log: Log::Inbox,
            file: "1763833207123_report.pdf".into(),
            blocks: BoundedVec::first_of([BlockRange { first: 300, count: 2 }]),
            transfer,
        }
        .into(),
        MakeGroup { id, group: lab() }.into(),
        Join { group: lab() }.into(),
        Leave { group: lab() }.into(),
        Groups { after: Some(lab()) }.into(),
        Members { group: lab(), after: Some(bob()) }.into(),
        Watch {
            cursors: BoundedVec::first_of([Cursor { log: Log::Group(lab()), after: Sequence(18) }]),
        }
        .into(),
        MarkDelivered {
            log: Log::Group(lab()),
            ranges: BoundedVec::first_of([SequenceRange {
                first: Sequence(2),
                last: Sequence(200),
            }]),
        }
        .into(),
        Track { message: "+lab:17".parse().unwrap() }.into(),
        LogoutEverywhere.into(),
        ChangePassword {
            id,
            old: password(),
            new: "battery staple".to_owned().try_into().unwrap(),
        }
        .into(),
        Sessions.into(),
        RevokeSession { id: session_id() }.into(),
        FileBlocks { log: Log::Inbox, file: "report.pdf".into(), first: 300 }.into(),
        FilesBelow {
            log: Log::Group(lab()),
            folder: "photos/2024".parse().unwrap(),
            after: Some(file_mark()),
        }
        .into(),
        NextKey.into(),
        SendTexts { transfer: TransferId(300) }.into(),
    ]
}

pub(crate) fn refusals() -> Vec<Refusal> {
    let bob = || "bob".parse().unwrap();
    let lab = || "lab".parse().unwrap();
    vec![
        Refusal::NotLoggedIn,
        Refusal::AlreadyLoggedIn(bob()),
        Refusal::UserExists(bob()),
        Refusal::WeakPassword(12),
        Refusal::BadCredentials,
        Refusal::SessionEnded,
        Refusal::UserNotFound(bob()),
        Refusal::GroupNotFound(lab()),
        Refusal::GroupExists(lab()),
        Refusal::NotAMember(lab()),
        Refusal::FileNotFound("report.pdf".into()),
        Refusal::AmbiguousFile(BoundedVec::first_of([
            file().name,
            "1763833207124_report.pdf".parse().unwrap(),
        ])),
        Refusal::TooLarge { size: 12_345, limit: 10_000 },
        Refusal::QuotaExceeded { size: 12_345, used: 9_000, quota: 10_000 },
        Refusal::IdReused,
        Refusal::TransferFailed,
        Refusal::Busy,
        Refusal::ShuttingDown,
        Refusal::Internal(0xdead_beef),
        Refusal::OutcomeUnknown(7),
        Refusal::MessageNotFound("@bob:17".parse().unwrap()),
        Refusal::FileExpired(file().name),
        Refusal::SessionNotFound(session_id()),
        Refusal::ServerFull { free: 300, floor: 4_194_304 },
        Refusal::FileDamaged { name: file().name, block: 300 },
        Refusal::NoRoomForFile { size: 300, free: 2, floor: 4_194_304 },
        Refusal::TooManyAttempts { retry_after_seconds: 300 },
        Refusal::TooManyRegistrations { retry_after_seconds: 300 },
        Refusal::TooManyAtOnce(16),
        Refusal::TooManyGroups(500),
    ]
}

/// Samples of the replies to a command. A command without samples does not compile, since
/// [`Request::dispatch`] requires them.
trait Answered: Command {
    fn replies() -> Vec<Self::Reply>;
}

macro_rules! answered {
    ($($command:ident: $($reply:expr),+;)*) => {
        $(impl Answered for $command {
            fn replies() -> Vec<Self::Reply> {
                vec![$($reply),+]
            }
        })*
    };
}

answered! {
    Register: Registered { user: "alice".parse().unwrap() };
    Login: SignedIn { user: "alice".parse().unwrap(), token: token() };
    Resume: Resumed { user: "alice".parse().unwrap() };
    Logout: Done;
    Users: UserPage {
        users: BoundedVec::first_of([User { name: "bob".parse().unwrap(), online: true }]),
        next: Some("bob".parse().unwrap()),
    };
    SendText: text_message();
    History: HistoryPage {
        messages: BoundedVec::first_of([text_message(), file_message()]),
        more: true,
        next: Some(page_mark()),
    };
    MarkRead: Done;
    Upload: file_message();
    Download: Done;
    MakeGroup: GroupJoined { group: "lab".parse().unwrap() };
    Join: GroupJoined { group: "lab".parse().unwrap() };
    Leave: GroupLeft { group: "lab".parse().unwrap() };
    Groups: GroupPage {
        groups: BoundedVec::first_of([Group { name: "lab".parse().unwrap(), members: 300, joined: true }]),
        next: None,
    };
    Members: MemberPage {
        members: BoundedVec::first_of([
            Member { name: "bob".parse().unwrap(), online: false, owner: true },
        ]),
        next: None,
    };
    Watch: Done;
    MarkDelivered: Done;
    Track: Done;
    LogoutEverywhere: Done;
    ChangePassword: Done;
    Sessions: SessionList {
        sessions: BoundedVec::first_of([Session {
            id: session_id(),
            created: Timestamp::from_milliseconds(1_763_833_207_123),
            used: Timestamp::from_milliseconds(1_763_833_207_124),
            current: true,
            online: false,
        }]),
    };
    RevokeSession: Done;
    FileBlocks: BlockPage { file: file(), values: values() };
    FilesBelow: FilePage { files: BoundedVec::first_of([file()]), next: Some(file_mark()) };
    NextKey: Done;
    SendTexts: Done;
}

/// Collects the answers to one command.
struct Answers<'a>(&'a mut Vec<Sample>);

impl<C> Handle<C> for Answers<'_>
where
    C: Answered,
    C::Reply: PartialEq + Debug + Clone,
{
    async fn handle(self, _: C) {
        for reply in C::replies() {
            self.0.push(sample(format!("answer.{}.Ok", C::NAME), Ok::<_, Refusal>(reply)));
        }
        let refused = Err::<C::Reply, _>(Refusal::NotLoggedIn);
        self.0.push(sample(format!("answer.{}.Err", C::NAME), refused));
    }
}

/// The answers to every request of [`requests`].
#[tokio::main(flavor = "current_thread")]
async fn answers() -> Vec<Sample> {
    let mut samples = Vec::new();
    for request in requests() {
        request.dispatch(Answers(&mut samples)).await;
    }
    samples
}

/// The frames before and on the stream of a file.
fn transfers() -> Vec<Sample> {
    let opening = |opening| sample(format!("opening.Upload.{}", opening_name(&opening)), opening);
    let header = |header| sample(format!("header.{}", block_header_name(&header)), header);
    vec![
        opening(UploadOpening::SendFile { kept: 300 }),
        opening(UploadOpening::AlreadyStored),
        sample("opening.Upload.Ok", Ok::<_, Refusal>(UploadOpening::AlreadyStored)),
        sample("opening.Upload.Err", Err::<UploadOpening, _>(Refusal::Busy)),
        sample("values.Ok", Ok::<_, Refusal>(values())),
        sample("values.Err", Err::<BlockHashes, _>(Refusal::Busy)),
        sample("header.File", FileHeader { transfer: TransferId(300) }),
        header(BlockHeader::Block(300)),
        header(BlockHeader::End(file().digest)),
    ]
}

/// The items of the commands whose answer is a stream.
fn events() -> Vec<Sample> {
    let event = |event| sample(format!("event.{}", event_name(&event)), event);
    let cursor = Cursor { log: Log::Group("lab".parse().unwrap()), after: Sequence(18) };
    let (user, group) = ("bob".parse().unwrap(), "lab".parse().unwrap());
    let joined = Event::Membership { group, user, is_member: true };
    let [current, next] = [b"one", b"two"].map(|key| Fingerprint::of_public_key(key));
    let keys = ServerKeys { current, next: Some(next) };
    let at = Timestamp::from_milliseconds(1_763_833_207_123);
    let stored = TextOutcome::Stored { id: text_message().id, at };
    let refused = TextOutcome::Refused(Refusal::NotLoggedIn);
    let receipt = Receipt { receivers: 300, delivered: 2, read: 1 };
    let online = Event::Presence { user: "bob".parse().unwrap(), online: true };
    vec![
        event(Event::Following(cursor)),
        event(Event::Message { log: Log::Inbox, place: Sequence(300), message: text_message() }),
        event(Event::CaughtUp),
        event(Event::Left("lab".parse().unwrap())),
        event(online),
        event(joined),
        sample("event.Track.Ok", Ok::<_, Refusal>(receipt)),
        sample("event.SendTexts.Stored", Ok::<_, Refusal>(stored)),
        sample("event.SendTexts.Refused", Ok::<_, Refusal>(refused)),
        sample("event.NextKey.Ok", Ok::<_, Refusal>(keys)),
        sample("event.Watch.Ok", Ok::<_, Refusal>(Event::CaughtUp)),
        sample("event.Watch.Err", Err::<Event, _>(Refusal::ShuttingDown)),
    ]
}

/// Values inside frames that have variants.
fn parts() -> Vec<Sample> {
    let lab = || "lab".parse().unwrap();
    let address = |value| sample(format!("address.{}", address_name(&value)), value);
    let body = |value| sample(format!("body.{}", body_name(&value)), value);
    let log = |value| sample(format!("log.{}", log_name(&value)), value);
    let selection = |value| sample(format!("selection.{}", selection_name(&value)), value);
    vec![
        address(Address::User("bob".parse().unwrap())),
        address(Address::Group(lab())),
        body(Body::Text("hi".to_owned().try_into().unwrap())),
        body(Body::File(file())),
        body(Body::ExpiredFile(file())),
        sample("file_path.alone", FilePath::from("a.jpg")),
        sample("file_path.in_folders", FilePath::from("photos/2024/a.jpg")),
        sample("file_path.executable", FilePath::from("bin/run.sh").with_executable(true)),
        log(Log::Inbox),
        log(Log::Group(lab())),
        selection(Selection::UnreadAndNewest(20)),
        selection(Selection::Newest(20)),
        selection(Selection::Unread),
        selection(Selection::NewestUnread(20)),
    ]
}

/// All samples.
pub(crate) fn all() -> Vec<Sample> {
    let requests = requests().into_iter();
    let refusals = refusals().into_iter();
    requests
        .map(|request| sample(format!("request.{}", request.name()), request))
        .chain(answers())
        .chain(refusals.map(|no| sample(format!("refusal.{}", refusal_name(&no)), no)))
        .chain(transfers())
        .chain(events())
        .chain(parts())
        .collect()
}
