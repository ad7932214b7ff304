//! The open redb database, and its reopening after an I/O error.
//!
//! After an I/O error redb fails every later write with `PreviousIo`, until the file is opened again. A disk
//! that was full for a moment must not stop a server for ever. If the disk accepts no writes, the database is
//! reopened for reading only, and each change tries again to open it for writing.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{RwLock, RwLockWriteGuard};

use redb::Database;

use crate::error_chain::error_chain;
use crate::lock;
use crate::store::error::{OpenError, StoreError};

/// Opens the database from its existing file.
type Open = dyn Fn() -> Result<Database, OpenError> + Send + Sync;

/// A database that is open.
struct Opened {
    database: Database,
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadAndWrite,
    ReadOnly,
}

/// The database of a store.
pub(in crate::store) struct ReopeningDatabase {
    /// `None` if the last reopening failed.
    opened: RwLock<Option<Opened>>,
    /// The number of reopenings. It changes only under the write lock of `opened`.
    reopenings: AtomicU64,
    open: Box<Open>,
    open_to_read: Box<Open>,
}

impl ReopeningDatabase {
    /// Starts with an open database. It is reopened with `open`, or with `open_to_read` if its disk accepts no
    /// writes. Neither may create a file: if the disk is gone, an empty store would replace the one in use.
    pub(in crate::store) fn start(
        database: Database,
        open: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
        open_to_read: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            opened: RwLock::new(Some(Opened { database, access: Access::ReadAndWrite })),
            reopenings: AtomicU64::new(0),
            open: Box::new(open),
            open_to_read: Box::new(open_to_read),
        }
    }

    /// Works with a database that is open for writing. Reopens the database first, if it is closed or open for
    /// reading only.
    ///
    /// # Errors
    /// Those of `work`, or the database cannot be opened for writing.
    pub(in crate::store) fn write<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.reopen_unless(|opened| opened.access == Access::ReadAndWrite)?;
        self.with_opened(|opened| match opened.access {
            Access::ReadAndWrite => work(&opened.database),
            Access::ReadOnly => Err(StoreError::ReadOnly),
        })
    }

    fn with_opened<T>(
        &self,
        work: impl FnOnce(&Opened) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = lock::read(&self.opened);
        work(opened.as_ref().ok_or(StoreError::Closed)?)
    }

    /// Runs a query. After an I/O error the database is reopened and the query runs once more: without this, a
    /// single I/O error would fail all queries until the next change.
    ///
    /// # Errors
    /// Those of `query`, or the database is not open.
    pub(in crate::store) fn read<T>(
        &self,
        query: impl Fn(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut seen = 0;
        self.reopen_unless(|_| true)?;
        let answer = self.with_opened(|opened| {
            seen = self.reopenings.load(Ordering::Relaxed);
            query(&opened.database)
        });
        match answer {
            Err(error) if error.needs_reopening() => {
                self.reopen_once(seen, &error)?;
                self.with_opened(|opened| query(&opened.database))
            }
            answer => answer,
        }
    }

    /// Reopens the database, unless another thread has done so since `seen` reopenings.
    fn reopen_once(&self, seen: u64, error: &StoreError) -> Result<(), StoreError> {
        let opened = lock::write(&self.opened);
        if self.reopenings.load(Ordering::Relaxed) != seen {
            return Ok(());
        }
        tracing::error!(
            fault = error_chain(error),
            "the store's disk failed a reader; opening the store again"
        );
        self.replace(opened)
    }

    /// Waits until no thread uses the database, closes it, and opens it again.
    ///
    /// # Errors
    /// The database cannot be opened. The next read or write tries again.
    pub(in crate::store) fn reopen(&self) -> Result<(), StoreError> {
        self.replace(lock::write(&self.opened))
    }

    fn replace(&self, mut opened: RwLockWriteGuard<'_, Option<Opened>>) -> Result<(), StoreError> {
        // redb locks its file, so the old database has to be dropped first.
        *opened = None;
        *opened = Some(match (self.open)() {
            Ok(database) => Opened { database, access: Access::ReadAndWrite },
            Err(error) => {
                // If reading fails too, the first error is the cause.
                let database = (self.open_to_read)().map_err(|_| error)?;
                tracing::error!("the store's disk can only be read");
                Opened { database, access: Access::ReadOnly }
            }
        });
        self.reopenings.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn reopen_unless(&self, is_enough: impl Fn(&Opened) -> bool) -> Result<(), StoreError> {
        let opened = lock::read(&self.opened);
        let is_open = opened.as_ref().is_some_and(is_enough);
        drop(opened);
        if is_open { Ok(()) } else { self.reopen() }
    }
}
