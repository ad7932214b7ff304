//! What a lost link means for the call that it carried.

use qchat_proto::Request;

use crate::error::{CallError, LinkError};

/// Whether a call that was handed over may have left a trace on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only asks, or its effect ends with its connection.
    None,
    /// It changes what is stored.
    Lasting,
}

impl Effect {
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
            | Request::NextKey(_) => Self::None,
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
            | Request::RevokeSession(_) => Self::Lasting,
        }
    }

    /// The error of a call that was handed over and will not be answered.
    pub(crate) fn unanswered(self, error: LinkError) -> CallError {
        match self {
            Self::None => CallError::NotSent(error),
            Self::Lasting => CallError::OutcomeUnknown(error),
        }
    }
}
