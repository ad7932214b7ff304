//! Why a handler has no reply, and what the asker is told of it.

use std::error::Error;

use qchat_proto::Refusal;

use crate::store::{CommitError, Fault};

/// A no to the asker, or a fault of ours.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The asker may not, or asked for what does not exist.
    Refused(Refusal),
    /// We failed, and nothing was changed.
    Fault(Box<dyn Error + Send + Sync>),
    /// We failed, and the change may have happened.
    Unknown(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// A fault of ours that changed nothing.
    pub(crate) fn fault(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Fault(Box::new(error))
    }

    /// What the asker is told. A fault's causes go to the log under a number that both sides see.
    pub(crate) fn into_refusal(self, command: &'static str) -> Refusal {
        let (error, refusal): (_, fn(u32) -> Refusal) = match self {
            Self::Refused(refusal) => return refusal,
            Self::Fault(error) => (error, Refusal::Internal),
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

/// An error and its causes, on one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::fault(fault)
    }
}

impl From<CommitError> for Failure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Refused(refusal) => Self::Refused(refusal),
            CommitError::Failed(_) => Self::fault(error),
            CommitError::Unknown(_) => Self::Unknown(Box::new(error)),
        }
    }
}
