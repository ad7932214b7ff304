//! The open database, which is opened anew when its disk has failed.
//!
//! The engine trusts a disk no more once a call to it has failed: every later change fails too, until the
//! file is opened again. A disk that was full for a moment must not stop a server for ever.

use std::sync::{PoisonError, RwLock};

use redb::Database;

use super::fault::Fault;
use super::open::OpenError;

/// Opens the database from its file, which is there.
type Open = dyn Fn() -> Result<Database, OpenError> + Send + Sync;

/// The database of a store.
pub(super) struct Engine {
    /// `None` where it could not be opened anew.
    database: RwLock<Option<Database>>,
    open: Box<Open>,
}

impl Engine {
    /// Starts with a database that is open, and opens it anew with `open`. That must never make one: where
    /// the file has gone with its disk, an empty store would take the place of the one that people use.
    pub(super) fn start(
        database: Database,
        open: impl Fn() -> Result<Database, OpenError> + Send + Sync + 'static,
    ) -> Self {
        Self { database: RwLock::new(Some(database)), open: Box::new(open) }
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

    /// Closes the database when nobody works with it any more, and opens it again.
    ///
    /// # Errors
    /// It does not open; the next one who works with it tries again.
    pub(super) fn reopen(&self) -> Result<(), Fault> {
        let mut database = self.database.write().unwrap_or_else(PoisonError::into_inner);
        // In this order: the file is locked while it is open.
        *database = None;
        *database = Some((self.open)()?);
        Ok(())
    }

    fn open_if_closed(&self) -> Result<(), Fault> {
        let is_open = || self.database.read().unwrap_or_else(PoisonError::into_inner).is_some();
        if is_open() { Ok(()) } else { self.reopen() }
    }
}
