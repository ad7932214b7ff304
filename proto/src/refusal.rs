//! The reasons for which the server refuses a command.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::code::Code;
use crate::ids::SessionId;
use crate::limits::CANDIDATES_MAX;
use crate::message::MessageId;
use crate::names::FilePath;
use crate::names::StoredName;
use crate::names::{GroupName, UserName};

/// The reason of a refusal. The text is for the person who asked, the [`code`] for scripts. Append only: the
/// position is the tag on the wire.
///
/// [`code`]: Refusal::code
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The command needs a signed-in user.
    #[error("not signed in: use auth_login USER PASSWORD first")]
    NotLoggedIn,
    /// The command needs a connection on which nobody is signed in.
    #[error("already signed in as {0}: use auth_logout first")]
    AlreadyLoggedIn(UserName),
    /// The account exists.
    #[error("user exists already: {0}; choose another name")]
    UserExists(UserName),
    /// The password is shorter than this server requires.
    #[error("the password is too short: this server asks for at least {0} characters")]
    WeakPassword(u32),
    /// The password is wrong, or the account does not exist.
    #[error("wrong user name or password")]
    BadCredentials,
    /// The session's token is unknown, revoked or expired.
    #[error("the saved session has ended: sign in again")]
    SessionEnded,
    /// The account does not exist.
    #[error("user not found: {0}")]
    UserNotFound(UserName),
    /// The group does not exist.
    #[error("group not found: {0}")]
    GroupNotFound(GroupName),
    /// The group exists.
    #[error("group exists already: {0}")]
    GroupExists(GroupName),
    /// The command is for members of the group.
    #[error("not a member of {0}: use join {0} first")]
    NotAMember(GroupName),
    /// No file of that name is visible to the caller in that log.
    #[error("file not found: {0}")]
    FileNotFound(FilePath),
    /// Several files have that name. These are the first stored names.
    #[error("several files have that name; use one of: {}", list(.0))]
    AmbiguousFile(BoundedVec<StoredName, CANDIDATES_MAX>),
    /// The file is larger than this server accepts.
    #[error("the file is too large: {size} bytes; this server takes files of up to {limit}")]
    TooLarge {
        /// The length of the file in bytes.
        size: u64,
        /// The longest file that the server accepts, in bytes.
        limit: u64,
    },
    /// The file exceeds the sender's quota.
    #[error("your files have {used} of {quota} bytes here; this one of {size} bytes does not fit")]
    QuotaExceeded {
        /// The length of the file in bytes.
        size: u64,
        /// The bytes of the sender's files, partial uploads included.
        used: u64,
        /// The quota in bytes.
        quota: u64,
    },
    /// An earlier command had the same client-made id and another content.
    #[error("this request's id was used before, for something else")]
    IdReused,
    /// The bytes of the file did not arrive as announced.
    #[error("the file did not arrive whole: send it again")]
    TransferFailed,
    /// The server has too much work.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// The server shuts down.
    #[error("the server is shutting down: try again in a moment")]
    ShuttingDown,
    /// The server had a fault. Nothing was changed. The number is the incident in the server's log.
    #[error("the server failed; its log tells more under incident {0:08x}")]
    Internal(u32),
    /// The server had a fault, and does not know whether the change was stored. Repeating the command with
    /// the same client-made id tells.
    #[error(
        "the server failed, and may or may not have done it; its log tells more under incident {0:08x}"
    )]
    OutcomeUnknown(u32),
    /// The message does not exist, or another user sent it.
    #[error("no message of yours has this id: {0}")]
    MessageNotFound(MessageId),
    /// The server removed the file after its retention time.
    #[error("the file has expired and is gone: {0}")]
    FileExpired(StoredName),
    /// The caller has no such session.
    #[error("session not found: {0}; sessions lists yours")]
    SessionNotFound(SessionId),
    /// The server's disk has too little free space.
    #[error(
        "the server's disk is full: {free} bytes are free, and {floor} are kept free; try again when \
         its owner has made room"
    )]
    ServerFull {
        /// The free bytes.
        free: u64,
        /// The bytes that such changes must leave free.
        floor: u64,
    },
    /// A stored file is damaged on the server's disk.
    #[error(
        "the server's copy of {name} is damaged in block {block} (of 1 MiB, from 0): nothing was saved; ask its owner"
    )]
    FileDamaged {
        /// The file.
        name: StoredName,
        /// The first damaged block. Block 0 is the first of the file.
        block: u64,
    },
    /// The server's disk has too little free space for the file.
    #[error(
        "the server's disk has no room for this file of {size} bytes: {free} are free beside what \
         others are sending, and {floor} stay free; try again when its owner has made room"
    )]
    NoRoomForFile {
        /// The length of the file in bytes.
        size: u64,
        /// The free bytes, without the space that is reserved for transfers under way.
        free: u64,
        /// The bytes that files must leave free.
        floor: u64,
    },
    /// Too many wrong passwords came from the address or for the account. It does not reveal whether the
    /// account exists.
    #[error("too many wrong passwords: try again in {retry_after_seconds} s")]
    TooManyAttempts {
        /// The seconds until the next attempt is allowed.
        retry_after_seconds: u32,
    },
    /// Too many accounts were made from the address.
    #[error("too many new accounts from your address: try again in {retry_after_seconds} s")]
    TooManyRegistrations {
        /// The seconds until an account may be made.
        retry_after_seconds: u32,
    },
    /// The account has as many commands of this kind under way as the server allows.
    #[error("your account has {0} of these under way already: wait until one ends, then try again")]
    TooManyAtOnce(u32),
    /// The user is in as many groups as the server allows.
    #[error("you are in {0} groups, as many as one can be in: leave one first")]
    TooManyGroups(u32),
}

fn list(names: &[StoredName]) -> String {
    names.iter().map(StoredName::as_str).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// The code that identifies this refusal in scripts.
    pub fn code(&self) -> Code {
        match self {
            Self::NotLoggedIn => Code::NotLoggedIn,
            Self::AlreadyLoggedIn(_) => Code::AlreadyLoggedIn,
            Self::UserExists(_) => Code::UserExists,
            Self::WeakPassword(_) => Code::WeakPassword,
            Self::BadCredentials => Code::BadCredentials,
            Self::SessionEnded => Code::SessionEnded,
            Self::UserNotFound(_) => Code::UserNotFound,
            Self::GroupNotFound(_) => Code::GroupNotFound,
            Self::GroupExists(_) => Code::GroupExists,
            Self::NotAMember(_) => Code::NotAMember,
            Self::FileNotFound(_) => Code::FileNotFound,
            Self::AmbiguousFile(_) => Code::AmbiguousFile,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::QuotaExceeded { .. } => Code::QuotaExceeded,
            Self::IdReused => Code::IdReused,
            Self::TransferFailed => Code::TransferFailed,
            Self::Busy | Self::TooManyAtOnce(_) => Code::Busy,
            Self::ShuttingDown => Code::ShuttingDown,
            Self::Internal(_) => Code::Internal,
            Self::OutcomeUnknown(_) => Code::OutcomeUnknown,
            Self::MessageNotFound(_) => Code::MessageNotFound,
            Self::FileExpired(_) => Code::FileExpired,
            Self::SessionNotFound(_) => Code::SessionNotFound,
            Self::ServerFull { .. } | Self::NoRoomForFile { .. } => Code::ServerFull,
            Self::FileDamaged { .. } => Code::FileDamaged,
            Self::TooManyAttempts { .. } => Code::TooManyAttempts,
            Self::TooManyRegistrations { .. } => Code::TooManyRegistrations,
            Self::TooManyGroups(_) => Code::TooManyGroups,
        }
    }
}
