//! The open database, which is opened anew when its disk has failed.
//!
//! The engine trusts a disk no more once a call to it has failed: every later change fails too, until the
//! file is opened again. A disk that was full for a moment must not stop a server for ever.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

use redb::Database;

use super::fault::Fault;
use super::open::OpenError;
use crate::failure::chain;

/// Opens the database from its file, which is there.
type Open = dyn Fn() -> Result<Database, OpenError> + Send + Sync;

/// The database of a store.
pub(super) struct Engine {
    /// `None` where it could not be opened anew.
    database: RwLock<Option<Database>>,
    /// How often it was opened anew. Changes only while nobody works with the database.
    reopenings: AtomicU64,
    open: Box<Open>,
}

impl Engine {
    /// Starts with a database that is open, and opens it anew with `open`. That must never make one: where
    /// the file has gone with its disk, an empty store would take the place of the one that people use.
    pub(super) fn start(
        database: Database,
        open: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
    ) -> Self {
        let database = RwLock::new(Some(database));
        Self { database, reopenings: AtomicU64::new(0), open: Box::new(open) }
    }

    /// Works with the database. Where it could not be opened anew before, that is tried first.
    ///
    /// # Errors
    /// Those of `work`, or the database is not open.
    pub(super) fn with<T>(
        &self,
        work: impl FnOnce(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.open_if_closed()?;
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        work(database.as_ref().ok_or(Fault::Closed)?)
    }

    /// Reads from the database. Where that fails by the disk, the database is opened anew and read once more:
    /// else one call that failed would fail everybody's reading until somebody writes.
    ///
    /// # Errors
    /// Those of `question`, or the database is not open.
    pub(super) fn ask<T>(
        &self,
        question: impl Fn(&Database) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let mut seen = 0;
        let answer = self.with(|database| {
            seen = self.reopenings.load(Ordering::Relaxed);
            question(database)
        });
        match answer {
            Err(fault) if fault.needs_reopening() => {
                self.reopen_once(seen, &fault)?;
                self.with(question)
            }
            answer => answer,
        }
    }

    /// Opens the database anew, but where another who met the same fault has done so.
    fn reopen_once(&self, seen: u64, fault: &Fault) -> Result<(), Fault> {
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
    pub(super) fn reopen(&self) -> Result<(), Fault> {
        self.open_anew(self.database.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn open_anew(&self, mut database: RwLockWriteGuard<'_, Option<Database>>) -> Result<(), Fault> {
        // In this order: the file is locked while it is open.
        *database = None;
        *database = Some((self.open)()?);
        self.reopenings.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn open_if_closed(&self) -> Result<(), Fault> {
        let is_open = || self.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_open() { Ok(()) } else { self.reopen() }
    }
}
