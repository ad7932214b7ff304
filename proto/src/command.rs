//! The table of commands: each question with the type of its answer.

mod accounts;
mod files;
mod groups;
mod idempotence;
mod keys;
mod messages;
mod permission;
mod sessions;
mod watch;

use std::fmt::Debug;
use std::future::Future;

pub use accounts::*;
pub use files::*;
pub use groups::*;
pub use idempotence::Idempotence;
pub use keys::*;
pub use messages::*;
pub use permission::{Access, CallerKind, Permission};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
pub use sessions::*;
pub use watch::*;

use crate::code::Code;
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
    /// The effect of a second execution.
    const IDEMPOTENCE: Idempotence;
    /// The callers who may use the command, for each kind of target.
    const PERMISSIONS: &'static [Permission];
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
    ($(
        $(#[$doc:meta])*
        $name:ident => $reply:ty, $idempotence:ident,
            { $($target:literal: $access:ident $(($code:ident))?),+ $(,)? };
    )*) => {
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
                const IDEMPOTENCE: Idempotence = Idempotence::$idempotence;
                const PERMISSIONS: &'static [Permission] =
                    &[$(Permission { target: $target, access: Access::$access $((Code::$code))? }),+];
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
            /// The names of all commands, in the order of their numbers.
            pub const NAMES: &[&'static str] = &[$($name::NAME),*];

            /// The name of the command.
            pub const fn name(&self) -> &'static str {
                match self {
                    $(Self::$name(_) => $name::NAME,)*
                }
            }

            /// The effect of a second execution of the command.
            pub const fn idempotence(&self) -> Idempotence {
                match self {
                    $(Self::$name(_) => $name::IDEMPOTENCE,)*
                }
            }

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

// Each row has the command, its reply, its idempotence, and the access to each kind of target.
commands! {
    /// Makes an account.
    Register => Registered, ByClientId, { "": SignedOut };
    /// Signs in with a password.
    Login => SignedIn, Freely, { "": SignedOut };
    /// Signs in with the token of an earlier session.
    Resume => Resumed, Freely, { "": SignedOut };
    /// Ends the session. Its token cannot be resumed afterwards.
    Logout => Done, ByState, { "": SignedIn };
    /// Lists the other users.
    Users => UserPage, Freely, { "": SignedIn };
    /// Sends a text.
    SendText => Message, ByClientId, { "to a person": SignedIn, "to the group": Members };
    /// Reads a log.
    History => HistoryPage, Freely, { "of the own mailbox": SignedIn, "of the group": Members };
    /// Marks messages as read.
    MarkRead => Done, ByState, { "in the own mailbox": SignedIn, "in the group": Members };
    /// Sends a file.
    Upload => Message, ByClientId, { "to a person": SignedIn, "to the group": Members };
    /// Fetches blocks of a file.
    Download => Done, Freely, {
        "of a file that was sent to me": SignedIn,
        "of a file that others sent each other": Nobody(FileNotFound),
        "of the group's file": Members,
    };
    /// Makes a group.
    MakeGroup => GroupJoined, ByClientId, { "": SignedIn };
    /// Joins a group.
    Join => GroupJoined, ByState, { "": SignedIn };
    /// Leaves a group.
    Leave => GroupLeft, ByState, { "": Members };
    /// Lists the groups.
    Groups => GroupPage, Freely, { "": SignedIn };
    /// Lists a group's members.
    Members => MemberPage, Freely, { "of the group": Members };
    /// Follows the caller's logs as they grow.
    Watch => Done, Freely, { "(the own mailbox and groups)": SignedIn };
    /// Records that messages have reached a device of the caller.
    MarkDelivered => Done, ByState, { "in the own mailbox": SignedIn, "in the group": Members };
    /// Follows the receipts of a message that the caller sent.
    Track => Done, Freely, {
        "of my message to a person": SignedIn,
        "of my message to the group": Senders,
        "of somebody else's message": Nobody(MessageNotFound),
    };
    /// Ends every session of the caller.
    LogoutEverywhere => Done, ByState, { "": SignedIn };
    /// Changes the caller's password, and ends every other session of the caller.
    ChangePassword => Done, ByClientId, { "(with the old one)": SignedIn };
    /// Lists the caller's sessions.
    Sessions => SessionList, Freely, { "(the own ones)": SignedIn };
    /// Ends a session of the caller.
    RevokeSession => Done, ByState, {
        "of mine": SignedIn,
        "of somebody else's": Nobody(SessionNotFound),
    };
    /// Describes a file, and lists the hashes of its blocks.
    FileBlocks => BlockPage, Freely, {
        "of a file that was sent to me": SignedIn,
        "of a file that others sent each other": Nobody(FileNotFound),
        "of the group's file": Members,
    };
    /// Lists the files below a folder.
    FilesBelow => FilePage, Freely, {
        "a folder in the own mailbox": SignedIn,
        "a folder in the group": Members,
    };
    /// Follows the keys of the server.
    NextKey => Done, Freely, { "of the server": SignedIn };
    /// Sends texts in order, without waiting for the answers in between.
    SendTexts => Done, ByClientId, { "to a person": SignedIn, "to the group": Members };
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
