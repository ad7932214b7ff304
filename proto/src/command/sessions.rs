//! The sessions of one user, and the password that begins them.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::{ClientId, SessionId};
use crate::limits::SESSIONS_MAX;
use crate::text::Password;
use crate::timestamp::Timestamp;

/// Ends all sessions of the asker; see [`Request::LogoutEverywhere`](crate::Request::LogoutEverywhere).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogoutEverywhere;

/// Changes the asker's password; see [`Request::ChangePassword`](crate::Request::ChangePassword).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangePassword {
    /// Makes it repeatable: after the change, `old` is wrong.
    pub id: ClientId,
    /// The password so far.
    pub old: Password,
    /// The password from now on.
    pub new: Password,
}

/// Lists the asker's sessions; see [`Request::Sessions`](crate::Request::Sessions).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sessions;

/// A session in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// When its user signed in.
    pub created: Timestamp,
    /// When it was used last, as exactly as the server notes that; now, where it is online.
    pub used: Timestamp,
    /// Whether it is the asker's.
    pub current: bool,
    /// Whether it is connected.
    pub online: bool,
}

/// The sessions of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionList {
    /// The asker's first, then the one that was used last.
    pub sessions: BoundedVec<Session, SESSIONS_MAX>,
}

/// Ends one session of the asker; see [`Request::RevokeSession`](crate::Request::RevokeSession).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeSession {
    /// Which one.
    pub id: SessionId,
}
