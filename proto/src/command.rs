//! The table of commands: each question with the type of its answer.

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
/// The answer is one frame `Result<Reply, Refusal>`. A [`Transfer`] command has a frame
/// `Result<Opening, Refusal>` before the file, and the frame with the reply after the file.
pub trait Command: Into<Request> + Send + 'static {
    /// The server's answer once the command is done.
    type Reply: Serialize + DeserializeOwned + PartialEq + Debug + Send + 'static;
    /// The name of the command in logs.
    const NAME: &'static str;
}

/// A command that moves a file on a stream of its own.
pub trait Transfer: Command {
    /// The server's answer before the file moves.
    type Opening: Serialize + DeserializeOwned + Send + 'static;
}

/// A command whose answer is a stream of items, each a frame `Result<Item, Refusal>`. The items end with a
/// refusal or with the reply.
pub trait Follow: Command {
    /// One item of the answer.
    type Item: Serialize + DeserializeOwned + Send + 'static;
}

/// A handler of the command `C`; see [`Request::dispatch`].
pub trait Handle<C: Command> {
    /// Answers the command.
    fn handle(self, command: C) -> impl Future<Output = ()> + Send;
}

/// A reader of the whole table of commands; see [`visit_commands`].
pub trait CommandVisitor {
    /// Reads the row of the command `C`.
    fn visit<C: Command>(&mut self);
}

macro_rules! commands {
    ($($(#[$doc:meta])* $name:ident => $reply:ty,)*) => {
        /// Every question that a client can ask, each on a stream of its own. Append only: the
        /// position is the tag on the wire, and golden bytes pin the tag.
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

        /// Calls the visitor for each command of the table, in the order of their numbers.
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
    /// Ends the session. Its token cannot be resumed afterwards.
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
    /// Records that messages have reached a device of the caller.
    MarkDelivered => Done,
    /// Follows the receipts of a message that the caller sent.
    Track => Done,
    /// Ends every session of the caller.
    LogoutEverywhere => Done,
    /// Changes the caller's password, and ends every other session of the caller.
    ChangePassword => Done,
    /// Lists the caller's sessions.
    Sessions => SessionList,
    /// Ends a session of the caller.
    RevokeSession => Done,
    /// Describes a file, and lists the hashes of its blocks.
    FileBlocks => BlockPage,
    /// Lists the files below a folder.
    FilesBelow => FilePage,
    /// Follows the keys of the server.
    NextKey => Done,
    /// Sends texts in order, without waiting for the answers in between.
    SendTexts => Done,
}

impl Follow for Watch {
    type Item = Event;
}

impl Follow for Track {
    type Item = Receipt;
}

impl Follow for NextKey {
    type Item = ServerKeys;
}

impl Follow for SendTexts {
    type Item = TextOutcome;
}

impl Transfer for Upload {
    type Opening = UploadOpening;
}
