//! The errors of redb.

use crate::fs::is_full;

/// An error of redb, or of the disk below it.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct RedbError(Box<redb::Error>);

impl RedbError {
    /// Whether redb fails every call until the database is reopened.
    pub(in crate::store) fn needs_reopening(&self) -> bool {
        matches!(*self.0, redb::Error::Io(_) | redb::Error::PreviousIo)
    }

    /// Whether an earlier I/O error made redb refuse this call, so that the call itself did nothing.
    pub(in crate::store) fn is_previous_io(&self) -> bool {
        matches!(*self.0, redb::Error::PreviousIo)
    }

    /// Whether the disk or the disk quota was full.
    pub(in crate::store) fn is_full_disk(&self) -> bool {
        matches!(&*self.0, redb::Error::Io(error) if is_full(error))
    }
}

impl<E: Into<redb::Error>> From<E> for RedbError {
    fn from(error: E) -> Self {
        Self(Box::new(error.into()))
    }
}
