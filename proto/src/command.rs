//! The table of commands: what can be asked, and what each question is answered with.

use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

pub use crate::event::{Cursor, Event, Watch};
use crate::few::Few;
use crate::file_name::{FileName, StoredName};
use crate::ids::{ClientId, SessionToken, TransferId};
use crate::limits::{PAGE_ITEMS_MAX, READ_RANGES_MAX};
use crate::message::{Address, File, Message, Sequence};
use crate::names::{GroupName, UserName};
use crate::text::{MessageText, Password};

/// A question with the type of its answer.
///
/// The answer is one frame `Result<Reply, Refusal>`. A command that moves a file says `Opening` first:
/// a frame `Result<Opening, Refusal>`, and the frame with the reply after the file.
pub trait Command: Into<Request> + Send + 'static {
    /// What the server says once it is done.
    type Reply: Serialize + DeserializeOwned + Send + 'static;
    /// What the command is called in logs.
    const NAME: &'static str;
}

/// A command that moves a file on a stream of its own.
pub trait Transfer: Command {
    /// What the server says before the file moves.
    type Opening: Serialize + DeserializeOwned + Send + 'static;
}

/// A command that is answered with events, each a frame `Result<Event, Refusal>`, until a refusal or the
/// reply says why they end.
pub trait Follow: Command {
    /// What is told.
    type Event: Serialize + DeserializeOwned + Send + 'static;
}

/// Something that can answer the command `C`; see [`Request::dispatch`].
pub trait Handle<C: Command> {
    /// Answers the command.
    fn handle(self, command: C) -> impl Future<Output = ()> + Send;
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident => $reply:ty,)*) => {
        /// Every question that a client can ask, each in a stream of its own. Append only: the
        /// position is the tag on the wire, and golden bytes hold it.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Request {
            $($(#[$doc])* $name($name),)*
        }

        $(
            impl Command for $name {
                type Reply = $reply;
                const NAME: &'static str = stringify!($name);
            }

            impl From<$name> for Request {
                fn from(command: $name) -> Self {
                    Self::$name(command)
                }
            }
        )*

        impl Request {
            /// Hands the command to the handler for its type. A command without a handler does not
            /// compile.
            pub async fn dispatch<H>(self, handler: H)
            where
                H: $(Handle<$name> +)*
            {
                match self {
                    $(Self::$name(command) => Handle::<$name>::handle(handler, command).await,)*
                }
            }
        }
    };
}

commands! {
    /// Makes an account.
    Register => Registered,
    /// Signs in with a password.
    Login => SignedIn,
    /// Signs in with the token of an earlier session.
    Resume => Resumed,
    /// Ends the session for good; its token is worth nothing afterwards.
    Logout => Done,
    /// Lists the other users.
    Users => UserPage,
    /// Sends a text.
    SendText => Message,
    /// Reads a log.
    History => HistoryPage,
    /// Marks messages as read.
    MarkRead => Done,
    /// Sends a file.
    Upload => Message,
    /// Fetches a file.
    Download => Done,
    /// Makes a group.
    MakeGroup => GroupJoined,
    /// Joins a group.
    Join => GroupJoined,
    /// Leaves a group.
    Leave => GroupLeft,
    /// Lists the groups.
    Groups => GroupPage,
    /// Lists a group's members.
    Members => MemberPage,
    /// Follows the caller's logs as they grow.
    Watch => Done,
}

impl Follow for Watch {
    type Event = Event;
}

impl Transfer for Upload {
    type Opening = UploadOpening;
}

impl Transfer for Download {
    type Opening = File;
}

/// An answer without a content of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done;

/// Makes an account; see [`Request::Register`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Makes it repeatable.
    pub id: ClientId,
    /// The account's name.
    pub user: UserName,
    /// Its password.
    pub password: Password,
}

/// The account exists now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// Its name.
    pub user: UserName,
}

/// Signs in; see [`Request::Login`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The account.
    pub user: UserName,
    /// Its password.
    pub password: Password,
}

/// The connection is signed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedIn {
    /// As whom.
    pub user: UserName,
    /// Resumes this session on another connection.
    pub token: SessionToken,
}

/// Signs in again; see [`Request::Resume`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    /// From an earlier [`SignedIn`].
    pub token: SessionToken,
}

/// The connection is signed in again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumed {
    /// As whom.
    pub user: UserName,
}

/// Signs out; see [`Request::Logout`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logout;

/// Lists users in the order of their names; see [`Request::Users`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Users {
    /// Only those after this name: the last one of the page before.
    pub after: Option<UserName>,
}

/// A user in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The name.
    pub name: UserName,
    /// Whether the user is connected.
    pub online: bool,
}

/// Part of a list of users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPage {
    /// In the order of their names.
    pub users: Few<User, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<UserName>,
}

/// Sends a text; see [`Request::SendText`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendText {
    /// Makes it repeatable.
    pub id: ClientId,
    /// Whom to.
    pub to: Address,
    /// What.
    pub text: MessageText,
}

/// A log as its reader names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Log {
    /// What others sent to me.
    Inbox,
    /// What was sent to a group.
    Group(GroupName),
}

/// Which messages of a log are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// All that is unread, and at least this many of the newest.
    UnreadAndNewest(u32),
    /// This many of the newest, read or not.
    Newest(u32),
    /// All that is unread.
    Unread,
    /// This many of the newest that are unread.
    NewestUnread(u32),
}

/// Reads a log, oldest message first; see [`Request::History`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Which log.
    pub log: Log,
    /// Which of its messages.
    pub selection: Selection,
    /// Only those of this sender.
    pub from: Option<UserName>,
    /// Only those before this one.
    pub before: Option<Sequence>,
    /// Where to go on, from the page before.
    pub page: Option<PageMark>,
}

/// Where a history goes on: made by the server, handed back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMark {
    /// The first message of those that are wanted as the newest.
    pub floor: Sequence,
    /// The end of the history as it was when reading began; later messages are not in it.
    pub end: Sequence,
    /// The last message that was looked at.
    pub after: Sequence,
    /// Whether older messages exist that are not wanted.
    pub more: bool,
}

/// Part of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Oldest first.
    pub messages: Few<Message, PAGE_ITEMS_MAX>,
    /// Whether older messages exist that were not selected.
    pub more: bool,
    /// Where the next page starts, if there is one.
    pub next: Option<PageMark>,
}

/// An unbroken run of messages, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceRange {
    /// The first one.
    pub first: Sequence,
    /// The last one.
    pub last: Sequence,
}

/// Marks messages as read; see [`Request::MarkRead`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRead {
    /// Which log.
    pub log: Log,
    /// Which of its messages.
    pub ranges: Few<SequenceRange, READ_RANGES_MAX>,
}

/// Sends a file; see [`Request::Upload`].
///
/// After [`UploadOpening::SendFile`] the client opens a unidirectional stream: one [`FileHeader`]
/// frame, exactly `size` bytes, and the 32 bytes of their BLAKE3 digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    /// Makes it repeatable.
    pub id: ClientId,
    /// Whom to.
    pub to: Address,
    /// The file's name.
    pub name: FileName,
    /// Its length in bytes.
    pub size: u64,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// What the server says to an upload before the file moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UploadOpening {
    /// The file is welcome.
    SendFile,
    /// The file is here already, from an earlier try with the same id; nothing needs to be sent.
    AlreadyStored,
}

/// Fetches a file; see [`Request::Download`].
///
/// The server answers with the [`File`], opens a unidirectional stream (one [`FileHeader`] frame and
/// exactly as many bytes as announced), and says [`Done`] when it has sent them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Where the file was sent to.
    pub log: Log,
    /// Which file.
    pub file: FileQuery,
    /// Pairs the file's stream with this command.
    pub transfer: TransferId,
}

/// A file as a person names it: by its stored name or by its original one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileQuery {
    /// The name as a stored one, where it has that form. It goes first.
    pub stored: Option<StoredName>,
    /// The name as an original one.
    pub original: FileName,
}

impl From<&str> for FileQuery {
    fn from(name: &str) -> Self {
        Self { stored: name.parse().ok(), original: name.into() }
    }
}

/// The first frame on a file's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileHeader {
    /// The command that this file belongs to.
    pub transfer: TransferId,
}

/// Makes a group; see [`Request::MakeGroup`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeGroup {
    /// Makes it repeatable.
    pub id: ClientId,
    /// The group's name.
    pub group: GroupName,
}

/// Joins a group; see [`Request::Join`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The group.
    pub group: GroupName,
}

/// The asker is a member now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupJoined {
    /// Of this group.
    pub group: GroupName,
}

/// Leaves a group; see [`Request::Leave`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The group.
    pub group: GroupName,
}

/// The asker is no member any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLeft {
    /// Of this group.
    pub group: GroupName,
}

/// Lists groups in the order of their names; see [`Request::Groups`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Only those after this name: the last one of the page before.
    pub after: Option<GroupName>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// How many members it has.
    pub members: u64,
    /// Whether the asker is one of them.
    pub joined: bool,
}

/// Part of a list of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPage {
    /// In the order of their names.
    pub groups: Few<Group, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<GroupName>,
}

/// Lists a group's members in the order of their names; see [`Request::Members`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The group.
    pub group: GroupName,
    /// Only those after this name: the last one of the page before.
    pub after: Option<UserName>,
}

/// A member of a group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name.
    pub name: UserName,
    /// Whether the user is connected.
    pub online: bool,
    /// Whether the user made the group.
    pub owner: bool,
}

/// Part of a list of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPage {
    /// In the order of their names.
    pub members: Few<Member, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<UserName>,
}
