//! The errors of the store. None of them is the fault of the client that asked.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use qchat_proto::Refusal;

use super::embedded::RedbError;
#[cfg(feature = "cluster")]
use super::postgres::{PostgresError, StatementError};
use crate::fs::is_full;

/// The reason why a query failed, or why a change failed before its commit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// An error of redb, or of the disk below it.
    #[error("using the store")]
    Database(#[source] RedbError),
    /// A record that cannot be decoded, or that is missing although another record points to it.
    #[error("the store holds a damaged {0}")]
    Damaged(&'static str),
    /// redb panicked, which some kinds of damage cause.
    #[error("the store's engine panicked")]
    Panicked,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
    /// The disk of the store accepts no writes.
    #[error("the store's disk can only be read")]
    ReadOnly,
    /// The database of several servers did not do a statement.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Postgres(#[from] StatementError),
    /// The database could not be reopened after an I/O error.
    #[error("opening the store again")]
    Open(#[from] OpenError),
}

impl StoreError {
    /// Whether redb fails every call until the database is reopened.
    pub(super) fn needs_reopening(&self) -> bool {
        match self {
            Self::Database(error) => error.needs_reopening(),
            Self::Panicked => true,
            #[cfg(feature = "cluster")]
            Self::Postgres(_) => false,
            Self::Damaged(_) | Self::Closed | Self::ReadOnly | Self::Open(_) => false,
        }
    }

    /// Whether an earlier I/O error made redb refuse this call, so that the call itself did nothing.
    pub(super) fn is_previous_io(&self) -> bool {
        matches!(self, Self::Database(error) if error.is_previous_io())
    }

    /// Whether the store is away for a while, so that a repetition can succeed.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            #[cfg(feature = "cluster")]
            Self::Postgres(error) => error.is_passing(),
            _ => false,
        }
    }

    /// Whether the disk or the disk quota was full.
    pub(super) fn is_full_disk(&self) -> bool {
        match self {
            Self::Database(error) => error.is_full_disk(),
            #[cfg(feature = "cluster")]
            Self::Postgres(error) => error.is_full_disk(),
            Self::Open(OpenError::Unusable { source, .. }) => is_full(source),
            Self::Damaged(_) | Self::Panicked | Self::Closed | Self::ReadOnly | Self::Open(_) => {
                false
            }
        }
    }
}

impl<E: Into<RedbError>> From<E> for StoreError {
    fn from(error: E) -> Self {
        Self::Database(error.into())
    }
}

/// The reason why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server uses the folder.
    #[error("the data folder {} is in use by another qchat server", .0.display())]
    InUse(PathBuf),
    /// The file exists, but it is no valid store.
    #[error("the store {} is damaged ({reason}); restore it from a backup, or move it away to start anew", file.display())]
    Damaged {
        /// The database file.
        file: PathBuf,
        /// The damage that was found.
        reason: String,
    },
    /// The file existed before, and is missing now.
    #[error("the store {} is gone; is the disk of its folder still there?", .0.display())]
    Gone(PathBuf),
    /// A later version of qchat wrote the store.
    #[error("the store {} has format {found}, and this qchat reads format {known}: use a newer qchat", file.display())]
    Newer {
        /// The database file.
        file: PathBuf,
        /// The format of the file.
        found: u64,
        /// The format that this program reads and writes.
        known: u64,
    },
    /// The database of several servers.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// An I/O error on the folder or on the file.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Unusable {
        /// The folder or the file.
        path: PathBuf,
        /// The error.
        source: io::Error,
    },
}

/// The reason why a change was not made, or may not have been made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// The change is not allowed. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// An error before the commit. Nothing was changed.
    #[error("changing the store")]
    Failed(#[source] Arc<StoreError>),
    /// The commit failed, but the change may be durable.
    #[error("committing a change to the store")]
    Unknown(#[source] Arc<StoreError>),
}
