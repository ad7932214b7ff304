//! What goes wrong in a store that is not the asker's doing.

/// The disk or the store's content failed us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// The engine or the disk below it.
    #[error("using the store")]
    Engine(#[source] Box<redb::Error>),
    /// A record that does not decode, or that others point to and that is not there.
    #[error("the store holds a damaged {0}")]
    Damaged(&'static str),
    /// The engine panicked, as it does on some kinds of damage.
    #[error("the store's engine panicked")]
    Panicked,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

macro_rules! engine_errors {
    ($($error:ty),*) => {
        $(
            impl From<$error> for Fault {
                fn from(error: $error) -> Self {
                    Self::Engine(Box::new(error.into()))
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
