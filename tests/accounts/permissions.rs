//! Who may do what: every command of the wire, asked by every kind of caller, against the table of `SECURITY.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use qchat_client::{Client, Log, Progress};
use qchat_proto::command::{
    ChangePassword, Download, FileBlocks, FileQuery, FilesBelow, Groups, History, Join, Leave,
    Login, Logout, LogoutEverywhere, MakeGroup, MarkDelivered, MarkRead, Members, NextKey,
    Register, Resume, RevokeSession, Selection, SendText, SendTexts, SequenceRange, Sessions,
    TextOutcome, Track, Upload, Users, Watch,
};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{
    Address, BoundedVec, ClientId, MessageId, Refusal, Request, Sequence, SessionId, SessionToken,
    TransferId, frame,
};
use tokio::io::AsyncReadExt;

use crate::harness::{PASSWORD, RawConnection, Server, in_time, sdk};

/// The commands of the wire. One that is missing here does not compile; one that no row asks, or whose
/// row the table has not, fails the test.
macro_rules! commands {
    ($($command:ident),* $(,)?) => {
        const COMMANDS: &[&str] = &[$(stringify!($command)),*];

        fn name(request: &Request) -> &'static str {
            match request {
                $(Request::$command(_) => stringify!($command),)*
            }
        }
    };
}

commands! {
    Register, Login, Resume, Logout, Users, SendText, History, MarkRead, Upload, Download, MakeGroup,
    Join, Leave, Groups, Members, Watch, MarkDelivered, Track, LogoutEverywhere, ChangePassword,
    Sessions, RevokeSession, FileBlocks, FilesBelow, NextKey, SendTexts,
}

/// The columns of the table, in their order.
const CALLERS: [&str; 5] = ["signed out", "stranger", "member", "former member", "owner"];

/// Somebody of one kind.
struct Caller {
    kind: &'static str,
    name: &'static str,
    token: Option<SessionToken>,
    /// Another session of theirs.
    session: SessionId,
    others_session: SessionId,
    /// A message of theirs to the group; somebody else's where they never could send one.
    in_group: MessageId,
    /// One to themselves.
    in_mailbox: MessageId,
}

/// The table: for each row what each kind of caller is answered.
fn table() -> BTreeMap<String, Vec<String>> {
    let lines = include_str!("../../SECURITY.md").lines();
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let mut rows = lines.skip_while(|line| !line.starts_with("| command |"));
    let head = cells(rows.next().expect("a table of commands"));
    assert_eq!(head[1..], CALLERS);
    let rows = rows.skip(1).take_while(|line| line.starts_with('|')).map(cells);
    rows.map(|mut row| (row.remove(0).replace('`', ""), row)).collect()
}

/// What a caller asks in each row.
fn rows(caller: &Caller) -> Vec<(&'static str, Request)> {
    let id = ClientId::random;
    let password = || PASSWORD.to_owned().try_into().unwrap();
    let lab = || "lab".parse().unwrap();
    let group = || Log::Group(lab());
    let text = || sdk::text("hi");
    let transfer = TransferId(7);
    let file = |log, name: &str| {
        let blocks = BoundedVec::first_of([]);
        Download { log, file: FileQuery::from(name), blocks, transfer }
    };
    let blocks = |log, name: &str| FileBlocks { log, file: FileQuery::from(name), first: 0 };
    let below = |log| FilesBelow { log, folder: "photos".parse().unwrap(), after: None };
    let history =
        |log| History { log, selection: Selection::Unread, from: None, before: None, page: None };
    let ranges = || BoundedVec::first_of([SequenceRange { first: Sequence(1), last: Sequence(1) }]);
    let upload = |to| Upload { id: id(), to, name: "new.txt".into(), size: 0, transfer };
    let other = MessageId { log: sdk::user("witness"), sequence: Sequence(1) };
    let new = |what: &str| format!("{what}-{}", caller.kind.replace(' ', "-"));
    vec![
        (
            "Register",
            Register { id: id(), user: "new".parse().unwrap(), password: password() }.into(),
        ),
        ("Login", Login { user: "witness".parse().unwrap(), password: password() }.into()),
        (
            "Resume",
            Resume { token: caller.token.clone().unwrap_or_else(SessionToken::random) }.into(),
        ),
        ("Users", Users { after: None }.into()),
        (
            "SendText to a person",
            SendText { id: id(), to: sdk::user("witness"), text: text() }.into(),
        ),
        (
            "SendText to the group",
            SendText { id: id(), to: sdk::group("lab"), text: text() }.into(),
        ),
        ("History of the own mailbox", history(Log::Inbox).into()),
        ("History of the group", history(group()).into()),
        ("MarkRead in the own mailbox", MarkRead { log: Log::Inbox, ranges: ranges() }.into()),
        ("MarkRead in the group", MarkRead { log: group(), ranges: ranges() }.into()),
        (
            "MarkDelivered in the own mailbox",
            MarkDelivered { log: Log::Inbox, ranges: ranges() }.into(),
        ),
        ("MarkDelivered in the group", MarkDelivered { log: group(), ranges: ranges() }.into()),
        ("Upload to a person", upload(sdk::user("witness")).into()),
        ("Upload to the group", upload(sdk::group("lab")).into()),
        ("Download of a file that was sent to me", file(Log::Inbox, "mine.txt").into()),
        ("Download of a file that others sent each other", file(Log::Inbox, "others.txt").into()),
        ("Download of the group's file", file(group(), "group.txt").into()),
        ("FileBlocks of a file that was sent to me", blocks(Log::Inbox, "mine.txt").into()),
        (
            "FileBlocks of a file that others sent each other",
            blocks(Log::Inbox, "others.txt").into(),
        ),
        ("FileBlocks of the group's file", blocks(group(), "group.txt").into()),
        ("FilesBelow a folder in the own mailbox", below(Log::Inbox).into()),
        ("FilesBelow a folder in the group", below(group()).into()),
        ("MakeGroup", MakeGroup { id: id(), group: new("made").parse().unwrap() }.into()),
        ("Groups", Groups { after: None }.into()),
        ("Members of the group", Members { group: lab(), after: None }.into()),
        ("Watch (the own mailbox and groups)", Watch { cursors: BoundedVec::first_of([]) }.into()),
        ("Track of my message to a person", Track { message: caller.in_mailbox.clone() }.into()),
        ("Track of my message to the group", Track { message: caller.in_group.clone() }.into()),
        ("Track of somebody else's message", Track { message: other }.into()),
        ("Sessions (the own ones)", Sessions.into()),
        ("RevokeSession of somebody else's", RevokeSession { id: caller.others_session }.into()),
        ("NextKey of the server", NextKey.into()),
        ("SendTexts to a person", SendTexts { transfer: TO_PERSON }.into()),
        ("SendTexts to the group", SendTexts { transfer: TO_GROUP }.into()),
        // These change who somebody is.
        ("Join", Join { group: "door".parse().unwrap() }.into()),
        ("Leave", Leave { group: lab() }.into()),
        ("RevokeSession of mine", RevokeSession { id: caller.session }.into()),
        ("Logout", Logout.into()),
        (
            "ChangePassword (with the old one)",
            ChangePassword { id: id(), old: password(), new: password() }.into(),
        ),
        ("LogoutEverywhere", LogoutEverywhere.into()),
    ]
}

/// The streams of texts, each to one receiver.
const TO_PERSON: TransferId = TransferId(1);
const TO_GROUP: TransferId = TransferId(2);

/// How long a stream is waited for that a stranger may not have.
const BRIEFLY: Duration = Duration::from_millis(500);

/// Sends one text on the stream of a `SendTexts`.
async fn bring_text(raw: &RawConnection, transfer: TransferId) {
    // A stranger may open none before they are refused.
    let opened = tokio::time::timeout(BRIEFLY, raw.connection.open_uni()).await;
    let Ok(Ok(mut stream)) = opened else { return };
    let to = if transfer == TO_GROUP { sdk::group("lab") } else { sdk::user("witness") };
    let text = SendText { id: ClientId::random(), to, text: sdk::text("hi") };
    let bytes = [frame::encode_frame(&FileHeader { transfer }), frame::encode_frame(&text)];
    // The server may have refused already.
    let _ = in_time(stream.write_all(&bytes.concat())).await;
    let _ = stream.finish();
}

/// Asks, and returns what the first frame of the answer says: `yes`, or the code of the refusal.
async fn ask(raw: &RawConnection, request: &Request) -> String {
    let (mut send, mut receive) = raw.stream().await;
    in_time(send.write_all(&frame::encode_frame(request))).await.unwrap();
    send.finish().unwrap();
    if let Request::SendTexts(SendTexts { transfer }) = request {
        bring_text(raw, *transfer).await;
    }
    let length = in_time(receive.read_u32()).await.unwrap();
    assert!(usize::try_from(length).unwrap() <= ANSWER_BYTES_MAX);
    let mut answer = vec![0; length.try_into().unwrap()];
    in_time(AsyncReadExt::read_exact(&mut receive, &mut answer)).await.unwrap();
    if matches!(request, Request::SendTexts(_))
        && let Ok(Ok(outcome)) = frame::decode::<Result<TextOutcome, Refusal>>(&answer)
    {
        return match outcome {
            TextOutcome::Stored { .. } => "yes".to_owned(),
            TextOutcome::Refused(refusal) => refusal.code().to_string(),
        };
    }
    match answer[0] {
        0 => "yes".to_owned(),
        _ => match frame::decode::<Result<(), Refusal>>(&answer) {
            Ok(Err(refusal)) => refusal.code().to_string(),
            other => panic!("no refusal: {other:?}"),
        },
    }
}

/// Sends a file to somebody.
async fn send_file(from: &Client, to: &Address, name: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, name).unwrap();
    from.send_file(to.clone(), &path, Progress::none()).await.unwrap();
}

/// What somebody else has: a message, and a session.
struct Witness {
    message: MessageId,
    session: SessionId,
}

/// Makes an account in the state that its kind says, and returns what is needed to ask as it.
async fn caller(server: &Server, kind: &'static str, witness: &Witness) -> Caller {
    let names = ["nobody", "stranger", "member", "former", "owner"];
    let number = CALLERS.iter().position(|caller| *caller == kind).unwrap();
    let name = names[number];
    let mut caller = Caller {
        kind,
        name,
        token: None,
        session: witness.session,
        others_session: witness.session,
        in_group: witness.message.clone(),
        in_mailbox: witness.message.clone(),
    };
    if kind == "signed out" {
        return caller;
    }
    let session = sdk::session(server, name, server.address).await;
    let client = sdk::resume(&session).await;
    sdk::session(server, name, server.address).await;
    let mut sessions = client.sessions().await.unwrap().into_iter();
    caller.session = sessions.find(|session| !session.current).unwrap().id;
    caller.token = Some(session.token);
    caller.in_mailbox = client.send(sdk::user(name), sdk::text("note")).await.unwrap().id;
    send_file(&client, &sdk::user(name), "mine.txt").await;
    let lab = || "lab".parse().unwrap();
    match kind {
        "stranger" => return caller,
        "owner" => client.make_group(lab()).await.map(drop).unwrap(),
        _ => client.join(lab()).await.map(drop).unwrap(),
    }
    caller.in_group = client.send(sdk::group("lab"), sdk::text("hi")).await.unwrap().id;
    match kind {
        "owner" => send_file(&client, &sdk::group("lab"), "group.txt").await,
        "former member" => client.leave(lab()).await.map(drop).unwrap(),
        _ => {}
    }
    caller
}

/// A connection on which the caller is signed in, if they can be.
async fn connect(server: &Server, caller: &Caller, row: &str) -> RawConnection {
    let raw = RawConnection::connect(server).await;
    match &caller.token {
        // A session that no other row needs.
        Some(_) if row == "Logout" => {
            let password = PASSWORD.to_owned().try_into().unwrap();
            raw.ask(Login { user: caller.name.parse().unwrap(), password })
                .await
                .map(drop)
                .unwrap();
        }
        Some(token) => raw.ask(Resume { token: token.clone() }).await.map(drop).unwrap(),
        None => {}
    }
    raw
}

#[tokio::test]
async fn every_command_answers_every_kind_of_caller_as_the_table_says() {
    let server = Server::start();
    let witness = sdk::device(&server, "witness").await;
    witness.make_group("door".parse().unwrap()).await.unwrap();
    let message = witness.send(sdk::user("witness"), sdk::text("note")).await.unwrap().id;
    send_file(&witness, &sdk::user("witness"), "others.txt").await;
    let session = witness.sessions().await.unwrap()[0].id;
    let other = Witness { message, session };
    let mut callers = Vec::new();
    // The owner first, who makes the group.
    for kind in ["owner", "signed out", "stranger", "member", "former member"] {
        callers.push(caller(&server, kind, &other).await);
    }
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut asked = BTreeSet::new();
    for kind in CALLERS {
        let caller = callers.iter().find(|caller| caller.kind == kind).unwrap();
        for (row, request) in rows(caller) {
            // A row begins with the name of its command.
            assert_eq!(row.split(' ').next(), Some(name(&request)));
            asked.insert(name(&request));
            let raw = connect(&server, caller, row).await;
            let mut answer = ask(&raw, &request).await;
            // Whoever is signed out has no session to resume: that there is none is an answer.
            if kind == "signed out" && answer == "session_ended" {
                answer = "yes".to_owned();
            }
            found.entry(row.to_owned()).or_default().push(answer);
        }
    }
    let table = table();
    for (row, answers) in &found {
        assert_eq!(table.get(row), Some(answers), "{row}");
    }
    assert_eq!(table.keys().collect::<Vec<_>>(), found.keys().collect::<Vec<_>>());
    assert_eq!(asked, COMMANDS.iter().copied().collect(), "a command that no row asks");
}
