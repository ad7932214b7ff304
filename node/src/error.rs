//! The error of a handler, and the refusal that its caller gets.

use std::error::Error;
use std::io;

use qchat_proto::Refusal;

use crate::error_chain::error_chain;
use crate::fs::{is_away, is_full};
use crate::store::{self, CommitError, StoreError};

/// The result of a handler.
pub(crate) type CommandResult<T> = Result<T, CommandError>;

/// A refusal, or a fault of the server.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The caller has no permission, or asked for something that does not exist.
    Refused(Refusal),
    /// The server failed, and nothing was changed.
    Failed(Box<dyn Error + Send + Sync>),
    /// The server failed, and the change may have happened.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl CommandError {
    /// A fault of the server that changed nothing. A full disk is a refusal instead, so that the caller is
    /// told, and so is a storage that cannot be reached now, so that the client tries again.
    pub(crate) fn failed(error: impl Error + Send + Sync + 'static) -> Self {
        if has_cause(&error, is_full) {
            return Self::Refused(store::full_disk_refusal());
        }
        if has_cause(&error, is_away) {
            tracing::warn!(error = error_chain(&error), "the storage of the files is away");
            return Self::Refused(Refusal::Busy);
        }
        Self::Failed(Box::new(error))
    }

    /// A fault of the server after which the change may have happened.
    pub(crate) fn unknown(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unknown(Box::new(error))
    }

    /// The refusal that the caller gets. The causes of a fault go to the log under a number that both sides
    /// see.
    pub(crate) fn into_refusal(self, command: &'static str) -> Refusal {
        let (error, refusal): (_, fn(u32) -> Refusal) = match self {
            Self::Refused(refusal) => return refusal,
            Self::Failed(error) => (error, Refusal::Internal),
            Self::Unknown(error) => (error, Refusal::OutcomeUnknown),
        };
        let incident = getrandom::u32().unwrap_or_default();
        let chain = error_chain(error.as_ref());
        tracing::error!(
            command,
            incident = format_args!("{incident:08x}"),
            chain,
            "command failed"
        );
        refusal(incident)
    }
}

/// Whether such an I/O error is among the causes.
fn has_cause(error: &(dyn Error + 'static), is_it: fn(&io::Error) -> bool) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(is_it) {
            return true;
        }
        cause = error.source();
    }
    false
}

impl From<Refusal> for CommandError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Clients repeat a command whose outcome is unknown. So they go on by themselves once a database is back.
impl From<StoreError> for CommandError {
    fn from(error: StoreError) -> Self {
        match error.is_passing() {
            true => Self::unknown(error),
            false => Self::failed(error),
        }
    }
}

impl From<CommitError> for CommandError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => Self::Refused(refusal),
            CommitError::Failed(ref cause) if cause.is_passing() => Self::unknown(error),
            CommitError::Failed(_) => Self::failed(error),
            CommitError::Unknown(_) => Self::Unknown(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests;
