//! The reason why following has ended.

use qchat_proto::limits::CURSORS_MAX;

use crate::error::{CallError, ConnectError};
use crate::follower::cursor_file::CursorFileError;
use crate::reconnect::ReconnectError;

/// The reason why following has ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// No connection can be made, and a later attempt would fail in the same way.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session has ended, or the server's answer makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The cursors cannot be kept.
    #[error(transparent)]
    Cursors(#[from] CursorFileError),
    /// The user is in more groups than can be followed.
    #[error("more than {CURSORS_MAX} logs cannot be followed: leave some groups")]
    TooManyLogs,
    /// The reason was returned before.
    #[error("following has ended")]
    Ended,
}

impl FollowError {
    /// Whether a new connection would end in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_final(),
            Self::Call(error) => error.is_final(),
            Self::Cursors(_) | Self::TooManyLogs | Self::Ended => true,
        }
    }
}

impl From<ReconnectError> for FollowError {
    fn from(error: ReconnectError) -> Self {
        match error {
            ReconnectError::Connect(error) => Self::Connect(error),
            ReconnectError::Call(error) => Self::Call(error),
        }
    }
}
