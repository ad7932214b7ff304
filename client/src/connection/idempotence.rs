//! Whether a call can be repeated without its id, if its connection is lost.

use qchat_proto::Request;

use crate::error::{CallError, NoAnswer};

/// Whether a call that was sent may have changed something on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idempotence {
    /// The call only reads, or its effect ends with its connection.
    Idempotent,
    /// The call changes stored data.
    Changing,
}

impl Idempotence {
    pub(crate) fn of(request: &Request) -> Self {
        match request {
            Request::Login(_)
            | Request::Resume(_)
            | Request::Users(_)
            | Request::History(_)
            | Request::Download(_)
            | Request::Groups(_)
            | Request::Members(_)
            | Request::Watch(_)
            | Request::Track(_)
            | Request::Sessions(_)
            | Request::FileBlocks(_)
            | Request::FilesBelow(_)
            | Request::NextKey(_) => Self::Idempotent,
            Request::Register(_)
            | Request::Logout(_)
            | Request::SendText(_)
            | Request::SendTexts(_)
            | Request::MarkRead(_)
            | Request::MarkDelivered(_)
            | Request::Upload(_)
            | Request::MakeGroup(_)
            | Request::Join(_)
            | Request::Leave(_)
            | Request::LogoutEverywhere(_)
            | Request::ChangePassword(_)
            | Request::RevokeSession(_) => Self::Changing,
        }
    }

    /// The error of a call that was sent and will not be answered.
    pub(crate) fn unanswered(self, error: NoAnswer) -> CallError {
        match self {
            Self::Idempotent => CallError::NotSent(error),
            Self::Changing => CallError::OutcomeUnknown(error),
        }
    }
}
