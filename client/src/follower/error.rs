//! The reason why following has ended.

use qchat_proto::Refusal;
use qchat_proto::limits::CURSORS_MAX;

use crate::error::{CallError, ConnectError};
use crate::follower::cursor_file::CursorFileError;

/// The reason why following has ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The server cannot be connected to, and trying again would not help.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session has ended, or the server makes no sense.
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
    /// Whether trying again would end in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Connect(error) => matches!(
                error,
                ConnectError::Identity(_) | ConnectError::Pins(_) | ConnectError::Authority { .. }
            ),
            Self::Call(CallError::Refused(refusal)) => {
                matches!(refusal, Refusal::NotLoggedIn | Refusal::SessionEnded)
            }
            Self::Call(error) => matches!(error, CallError::Damaged(_)),
            Self::Cursors(_) | Self::TooManyLogs | Self::Ended => true,
        }
    }
}
