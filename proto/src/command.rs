//! The table of commands: what can be asked, and what each question is answered with.

mod accounts;
mod files;
mod groups;
mod keys;
mod messages;
mod sessions;
mod watch;

use std::fmt::Debug;
use std::future::Future;

pub use accounts::*;
pub use files::*;
pub use groups::*;
pub use keys::*;
pub use messages::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub use sessions::*;
pub use watch::*;

use crate::message::{Message, Receipt};

/// A question with the type of its answer.
///
/// The answer is one frame `Result<Reply, Refusal>`. A command that moves a file says `Opening` first:
/// a frame `Result<Opening, Refusal>`, and the frame with the reply after the file.
pub trait Command: Into<Request> + Send + 'static {
    /// What the server says once it is done.
    type Reply: Serialize + DeserializeOwned + PartialEq + Debug + Send + 'static;
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

/// Is shown every command; see [`visit_commands`].
pub trait CommandVisitor {
    /// Sees the command `C`.
    fn visit<C: Command>(&mut self);
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

        /// Shows each command of the table to the visitor, in the order of their numbers.
        pub fn visit_commands(visitor: &mut impl CommandVisitor) {
            $(visitor.visit::<$name>();)*
        }

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
    /// Fetches blocks of a file.
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
    /// Notes that messages have reached a device.
    MarkDelivered => Done,
    /// Follows what becomes of a message that the caller sent.
    Track => Done,
    /// Ends every session of the caller.
    LogoutEverywhere => Done,
    /// Changes the caller's password, and ends every other session.
    ChangePassword => Done,
    /// Lists the caller's sessions.
    Sessions => SessionList,
    /// Ends a session of the caller.
    RevokeSession => Done,
    /// Tells of a file and the values of its blocks.
    FileBlocks => BlockPage,
    /// Lists the files below a folder.
    FilesBelow => FilePage,
    /// Follows which keys the server has.
    NextKey => Done,
    /// Sends texts one after the other, without waiting for the answers in between.
    SendTexts => Done,
}

impl Follow for Watch {
    type Event = Event;
}

impl Follow for Track {
    type Event = Receipt;
}

impl Follow for NextKey {
    type Event = ServerKeys;
}

impl Follow for SendTexts {
    type Event = TextOutcome;
}

impl Transfer for Upload {
    type Opening = UploadOpening;
}
