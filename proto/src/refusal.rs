//! A polite and complete no.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::file_path::FilePath;
use crate::ids::SessionId;
use crate::limits::CANDIDATES_MAX;
use crate::message::MessageId;
use crate::names::{GroupName, UserName};
use crate::stored_name::StoredName;

/// Why the server does not do what was asked. Its text is for the person who asked, its [`code`] for
/// their scripts. Append only: the position is the tag on the wire.
///
/// [`code`]: Refusal::code
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// The command is for people who are signed in.
    #[error("not signed in: use auth_login USER PASSWORD first")]
    NotLoggedIn,
    /// The command is for people who are signed out.
    #[error("already signed in as {0}: use auth_logout first")]
    AlreadyLoggedIn(UserName),
    /// The account exists.
    #[error("user exists already: {0}; choose another name")]
    UserExists(UserName),
    /// The password is shorter than this server wants.
    #[error("the password is too short: this server asks for at least {0} characters")]
    WeakPassword(u32),
    /// Name and password do not belong together, or there is no such account.
    #[error("wrong user name or password")]
    BadCredentials,
    /// The session's token is unknown, revoked or expired.
    #[error("the saved session has ended: sign in again")]
    SessionEnded,
    /// There is no such account.
    #[error("user not found: {0}")]
    UserNotFound(UserName),
    /// There is no such group.
    #[error("group not found: {0}")]
    GroupNotFound(GroupName),
    /// The group exists.
    #[error("group exists already: {0}")]
    GroupExists(GroupName),
    /// The command is for the group's members.
    #[error("not a member of {0}: use join {0} first")]
    NotAMember(GroupName),
    /// No file of that name can be seen from there.
    #[error("file not found: {0}")]
    FileNotFound(FilePath),
    /// Several files have that name; these are the first of them.
    #[error("several files have that name; use one of: {}", list(.0))]
    AmbiguousFile(BoundedVec<StoredName, CANDIDATES_MAX>),
    /// The file is larger than this server takes.
    #[error("the file is too large: {size} bytes; this server takes files of up to {limit}")]
    TooLarge {
        /// The file's length in bytes.
        size: u64,
        /// The longest file that the server takes, in bytes.
        limit: u64,
    },
    /// The sender's files would take more room than they have.
    #[error("your files have {used} of {quota} bytes here; this one of {size} bytes does not fit")]
    QuotaExceeded {
        /// The file's length in bytes.
        size: u64,
        /// What the sender's files take, in bytes, unfinished ones included.
        used: u64,
        /// What they may take.
        quota: u64,
    },
    /// The same client-made id came with another content before.
    #[error("this request's id was used before, for something else")]
    IdReused,
    /// The bytes of a file did not arrive as they were announced.
    #[error("the file did not arrive whole: send it again")]
    TransferFailed,
    /// The server has as much to do as it takes on at once.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// The server shuts down.
    #[error("the server is shutting down: try again in a moment")]
    ShuttingDown,
    /// A fault of the server's. Nothing was changed.
    #[error("the server failed; its log tells more under incident {0:08x}")]
    Internal(u32),
    /// A fault of the server's. Whether the change was stored is not known; asking again with the
    /// same client-made id tells.
    #[error(
        "the server failed, and may or may not have done it; its log tells more under incident {0:08x}"
    )]
    OutcomeUnknown(u32),
    /// There is no such message, or somebody else sent it.
    #[error("no message of yours has this id: {0}")]
    MessageNotFound(MessageId),
    /// The file was kept for as long as this server keeps files.
    #[error("the file has expired and is gone: {0}")]
    FileExpired(StoredName),
    /// The asker has no such session.
    #[error("session not found: {0}; sessions lists yours")]
    SessionNotFound(SessionId),
    /// The server's disk has no room for it.
    #[error(
        "the server's disk is full: {free} bytes are free, and {floor} are kept free; try again when \
         its owner has made room"
    )]
    ServerFull {
        /// What is free, in bytes.
        free: u64,
        /// What is kept free of such changes, in bytes.
        floor: u64,
    },
    /// A stored file is not what was stored.
    #[error(
        "the server's copy of {name} is damaged in block {block} (of 1 MiB, from 0): nothing was saved; ask its owner"
    )]
    FileDamaged {
        /// The file.
        name: StoredName,
        /// The first block that is wrong; 0 is the file's first.
        block: u64,
    },
    /// The server's disk has no room for a file.
    #[error(
        "the server's disk has no room for this file of {size} bytes: {free} are free beside what \
         others are sending, and {floor} stay free; try again when its owner has made room"
    )]
    NoRoomForFile {
        /// The file's length in bytes.
        size: u64,
        /// What is free, in bytes, less what is promised to files that are on their way.
        free: u64,
        /// What is kept free of files.
        floor: u64,
    },
    /// Too many passwords were wrong from that address or at that account. It says nothing of whether
    /// there is such an account.
    #[error("too many wrong passwords: try again in {retry_after_seconds} s")]
    TooManyAttempts {
        /// After so many seconds a password may be tried.
        retry_after_seconds: u32,
    },
    /// Too many accounts were made from that address.
    #[error("too many new accounts from your address: try again in {retry_after_seconds} s")]
    TooManyRegistrations {
        /// After so many seconds one may be made.
        retry_after_seconds: u32,
    },
    /// The account has as much of this under way as it may.
    #[error("your account has {0} of these under way already: wait until one ends, then try again")]
    TooManyAtOnce(u32),
    /// The user is in as many groups as one may be in.
    #[error("you are in {0} groups, as many as one can be in: leave one first")]
    TooManyGroups(u32),
}

fn list(names: &[StoredName]) -> String {
    names.iter().map(StoredName::as_str).collect::<Vec<_>>().join(", ")
}

impl Refusal {
    /// The code by which scripts know this refusal.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotLoggedIn => "not_logged_in",
            Self::AlreadyLoggedIn(_) => "already_logged_in",
            Self::UserExists(_) => "user_exists",
            Self::WeakPassword(_) => "weak_password",
            Self::BadCredentials => "bad_credentials",
            Self::SessionEnded => "session_ended",
            Self::UserNotFound(_) => "user_not_found",
            Self::GroupNotFound(_) => "group_not_found",
            Self::GroupExists(_) => "group_exists",
            Self::NotAMember(_) => "not_a_member",
            Self::FileNotFound(_) => "file_not_found",
            Self::AmbiguousFile(_) => "ambiguous_file",
            Self::TooLarge { .. } => "too_large",
            Self::QuotaExceeded { .. } => "quota_exceeded",
            Self::IdReused => "id_reused",
            Self::TransferFailed => "transfer_failed",
            Self::Busy | Self::TooManyAtOnce(_) => "busy",
            Self::ShuttingDown => "shutting_down",
            Self::Internal(_) => "internal",
            Self::OutcomeUnknown(_) => "outcome_unknown",
            Self::MessageNotFound(_) => "message_not_found",
            Self::FileExpired(_) => "file_expired",
            Self::SessionNotFound(_) => "session_not_found",
            Self::ServerFull { .. } | Self::NoRoomForFile { .. } => "server_full",
            Self::FileDamaged { .. } => "file_damaged",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::TooManyRegistrations { .. } => "too_many_registrations",
            Self::TooManyGroups(_) => "too_many_groups",
        }
    }
}
