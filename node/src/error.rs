//! Why a handler has no reply, and what the asker is told of it.

use std::error::Error;

use qchat_proto::Refusal;

use crate::error_chain::chain;
use crate::fs::is_full;
use crate::store::{self, CommitError, StoreError};

/// A no to the asker, or a fault of ours.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// The asker may not, or asked for what does not exist.
    Refused(Refusal),
    /// We failed, and nothing was changed.
    Failed(Box<dyn Error + Send + Sync>),
    /// We failed, and the change may have happened.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl CommandError {
    /// A fault of ours that changed nothing. A full disk is none: who asked is told.
    pub(crate) fn failed(error: impl Error + Send + Sync + 'static) -> Self {
        match is_full_disk(&error) {
            true => Self::Refused(store::full_disk_refusal()),
            false => Self::Failed(Box::new(error)),
        }
    }

    /// A fault of ours after which the change may have happened.
    pub(crate) fn unknown(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unknown(Box::new(error))
    }

    /// What the asker is told. A fault's causes go to the log under a number that both sides see.
    pub(crate) fn into_refusal(self, command: &'static str) -> Refusal {
        let (error, refusal): (_, fn(u32) -> Refusal) = match self {
            Self::Refused(refusal) => return refusal,
            Self::Failed(error) => (error, Refusal::Internal),
            Self::Unknown(error) => (error, Refusal::OutcomeUnknown),
        };
        let incident = getrandom::u32().unwrap_or_default();
        let chain = chain(error.as_ref());
        tracing::error!(
            command,
            incident = format_args!("{incident:08x}"),
            chain,
            "command failed"
        );
        refusal(incident)
    }
}

/// Whether a full disk is among the causes.
fn is_full_disk(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref().is_some_and(is_full) {
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

impl From<StoreError> for CommandError {
    fn from(fault: StoreError) -> Self {
        Self::failed(fault)
    }
}

impl From<CommitError> for CommandError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => Self::Refused(refusal),
            CommitError::Failed(_) => Self::failed(error),
            CommitError::Unknown(_) => Self::Unknown(Box::new(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use qchat_transfer::FinishError;

    use qchat_proto::Code;

    use super::*;

    #[test]
    fn a_full_disk_is_told_as_that_wherever_it_is_met() {
        for kind in [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded] {
            for failure in [
                CommandError::failed(io::Error::from(kind)),
                CommandError::failed(FinishError::Name(kind.into())),
            ] {
                assert_eq!(failure.into_refusal("Upload").code(), Code::ServerFull);
            }
        }
        let failure =
            CommandError::failed(FinishError::Folder(io::ErrorKind::PermissionDenied.into()));
        assert_eq!(failure.into_refusal("Upload").code(), Code::Internal);
    }
}
