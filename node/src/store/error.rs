//! What goes wrong in a store that is not the asker's doing.

use super::open::OpenError;
use crate::fs::is_full;

/// The disk or the store's content failed us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// The engine or the disk below it.
    #[error("using the store")]
    ReopeningDatabase(#[source] Box<redb::Error>),
    /// A record that does not decode, or that others point to and that is not there.
    #[error("the store holds a damaged {0}")]
    Damaged(&'static str),
    /// The engine panicked, as it does on some kinds of damage.
    #[error("the store's engine panicked")]
    Panicked,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The store's disk takes no writes.
    #[error("the store's disk can only be read")]
    ReadOnly,
    /// The store could not be opened again after its disk had failed.
    #[error("opening the store again")]
    Open(#[from] OpenError),
}

impl StoreError {
    /// Whether the engine will do nothing any more until it is opened again.
    pub(super) fn needs_reopening(&self) -> bool {
        match self {
            Self::ReopeningDatabase(error) => {
                matches!(**error, redb::Error::Io(_) | redb::Error::PreviousIo)
            }
            Self::Panicked => true,
            Self::Damaged(_) | Self::Closed | Self::ReadOnly | Self::Open(_) => false,
        }
    }

    /// Whether an earlier call to the disk failed, and the engine did nothing since.
    pub(super) fn is_left_over(&self) -> bool {
        matches!(self, Self::ReopeningDatabase(error) if matches!(**error, redb::Error::PreviousIo))
    }
}

impl StoreError {
    /// Whether the disk had no room.
    pub(super) fn is_full_disk(&self) -> bool {
        match self {
            Self::ReopeningDatabase(error) => {
                matches!(&**error, redb::Error::Io(error) if is_full(error))
            }
            Self::Open(OpenError::Unusable { source, .. }) => is_full(source),
            Self::Damaged(_) | Self::Panicked | Self::Closed | Self::ReadOnly | Self::Open(_) => {
                false
            }
        }
    }
}

macro_rules! engine_errors {
    ($($error:ty),*) => {
        $(
            impl From<$error> for StoreError {
                fn from(error: $error) -> Self {
                    Self::ReopeningDatabase(Box::new(error.into()))
                }
            }
        )*
    };
}

engine_errors!(
    redb::StorageError,
    redb::TableError,
    redb::TransactionError,
    redb::CommitError,
    redb::SetDurabilityError
);
