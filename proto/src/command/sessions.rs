//! The sessions of one user, and the change of the password.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::{ClientId, SessionId};
use crate::limits::SESSIONS_MAX;
use crate::text::Password;
use crate::timestamp::Timestamp;

/// Ends all sessions of the caller; see [`Request::LogoutEverywhere`](crate::Request::LogoutEverywhere).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutEverywhere;

/// Changes the caller's password; see [`Request::ChangePassword`](crate::Request::ChangePassword).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// Makes the command repeatable, although `old` is wrong after the change.
    pub id: ClientId,
    /// The current password.
    pub old: Password,
    /// The new password.
    pub new: Password,
}

/// Lists the caller's sessions; see [`Request::Sessions`](crate::Request::Sessions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions;

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id of the session.
    pub id: SessionId,
    /// The time of the sign-in.
    pub created: Timestamp,
    /// The time of the last use, as precisely as the server records it; now, if the session is online.
    pub used: Timestamp,
    /// Whether the session is that of the caller's connection.
    pub current: bool,
    /// Whether the session has a connection.
    pub online: bool,
}

/// The sessions of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The caller's session first, then the others by their last use, latest first.
    pub sessions: BoundedVec<Session, SESSIONS_MAX>,
}

/// Ends one session of the caller; see [`Request::RevokeSession`](crate::Request::RevokeSession).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeSession {
    /// The session to end.
    pub id: SessionId,
}
