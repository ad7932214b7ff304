//! The open database, which is opened anew when its disk has failed.
//!
//! The engine trusts a disk no more once a call to it has failed: every later change fails too, until the
//! file is opened again. A disk that was full for a moment must not stop a server for ever. If the disk takes
//! no writes any more, the database is opened for reading alone, and each change tries again to open it whole.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use redb::Database;

use super::error::StoreError;
use super::open::OpenError;
use crate::error_chain::chain;

/// Opens the database from its file, which is there.
type Open = dyn Fn() -> Result<Database, OpenError> + Send + Sync;

/// A database that is open.
struct Opened {
    database: Database,
    access: Access,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    ReadAndWrite,
    Read,
}

/// The database of a store.
pub(super) struct ReopeningDatabase {
    /// `None` if it could not be opened anew.
    database: RwLock<Option<Opened>>,
    /// How often it was opened anew. Changes only while nobody works with the database.
    reopenings: AtomicU64,
    open: Box<Open>,
    open_to_read: Box<Open>,
}

impl ReopeningDatabase {
    /// Starts with a database that is open, and opens it anew with `open`, or with `open_to_read` if its disk
    /// takes no writes. Neither may make one: if the file has gone with its disk, an empty store would take
    /// the place of the one that people use.
    pub(super) fn start(
        database: Database,
        open: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
        open_to_read: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            database: RwLock::new(Some(Opened { database, access: Access::ReadAndWrite })),
            reopenings: AtomicU64::new(0),
            open: Box::new(open),
            open_to_read: Box::new(open_to_read),
        }
    }

    /// Works with the database. If it could not be opened anew before, or only for reading, that is tried
    /// first.
    ///
    /// # Errors
    /// Those of `work`, or the database is not open for writing.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.open_unless(|opened| opened.access == Access::ReadAndWrite)?;
        self.with_opened(|opened| match opened.access {
            Access::ReadAndWrite => work(&opened.database),
            Access::Read => Err(StoreError::ReadOnly),
        })
    }

    fn with_opened<T>(
        &self,
        work: impl FnOnce(&Opened) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let opened = self.database.read().unwrap_or_else(PoisonError::into_inner);
        work(opened.as_ref().ok_or(StoreError::Closed)?)
    }

    /// Reads from the database. Where that fails by the disk, the database is opened anew and read once more:
    /// else one call that failed would fail everybody's reading until somebody writes.
    ///
    /// # Errors
    /// Those of `question`, or the database is not open.
    pub(super) fn ask<T>(
        &self,
        question: impl Fn(&Database) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut seen = 0;
        self.open_unless(|_| true)?;
        let answer = self.with_opened(|opened| {
            seen = self.reopenings.load(Ordering::Relaxed);
            question(&opened.database)
        });
        match answer {
            Err(fault) if fault.needs_reopening() => {
                self.reopen_once(seen, &fault)?;
                self.with_opened(|opened| question(&opened.database))
            }
            answer => answer,
        }
    }

    /// Opens the database anew, but where another who met the same fault has done so.
    fn reopen_once(&self, seen: u64, fault: &StoreError) -> Result<(), StoreError> {
        let database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        if self.reopenings.load(Ordering::Relaxed) != seen {
            return Ok(());
        }
        tracing::error!(
            fault = chain(fault),
            "the store's disk failed a reader; opening the store again"
        );
        self.open_anew(database)
    }

    /// Closes the database when nobody works with it any more, and opens it again.
    ///
    /// # Errors
    /// It does not open; the next one who works with it tries again.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        self.open_anew(self.database.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn open_anew(
        &self,
        mut opened: RwLockWriteGuard<'_, Option<Opened>>,
    ) -> Result<(), StoreError> {
        // In this order: the file is locked while it is open.
        *opened = None;
        *opened = Some(match (self.open)() {
            Ok(database) => Opened { database, access: Access::ReadAndWrite },
            Err(error) => {
                // Told of the first error if it is not only writing that fails.
                let database = (self.open_to_read)().map_err(|_| error)?;
                tracing::error!("the store's disk can only be read");
                Opened { database, access: Access::Read }
            }
        });
        self.reopenings.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn open_unless(&self, is_enough: impl Fn(&Opened) -> bool) -> Result<(), StoreError> {
        let opened = self.database.read().unwrap_or_else(PoisonError::into_inner);
        let is_open = opened.as_ref().is_some_and(is_enough);
        drop(opened);
        if is_open { Ok(()) } else { self.reopen() }
    }
}
