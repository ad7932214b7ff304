//! The errors of listening, as errors of a command.

use qchat_client::{Code, CursorFileError, FollowError};

use crate::error::CommandError;

pub(super) fn local(text: String) -> CommandError {
    CommandError::refused(Code::LocalFile, text)
}

impl From<CursorFileError> for CommandError {
    fn from(error: CursorFileError) -> Self {
        local(error.to_string())
    }
}

impl From<FollowError> for CommandError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Connect(error) => error.into(),
            FollowError::Call(error) => error.into(),
            FollowError::Cursors(error) => error.into(),
            FollowError::TooManyLogs => Self::refused(Code::TooManyGroups, error.to_string()),
            FollowError::Ended => Self::refused(Code::Ended, error.to_string()),
        }
    }
}
