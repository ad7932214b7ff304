//! The handle on an open store: changes, queries, and an orderly close.

use std::path::Path;
use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::store::change::Change;
use crate::store::embedded::{ReopeningDatabase, Snapshot, open};
use crate::store::error::{CommitError, OpenError, StoreError};
use crate::store::free_space::FreeSpace;
use crate::store::interface::{Counted, Read, RowsRead, Stop};
use crate::store::notification::Notification;
use crate::store::writer::Writer;

/// A handle on the store in one data folder. At most one process has a store open.
pub(crate) struct Store {
    pub(super) database: Arc<ReopeningDatabase>,
    writer: Writer,
    /// The lock on the data folder, held while the store is open.
    _lock: std::fs::File,
}

impl Store {
    /// Opens the store in `folder`, or creates an empty one if there is none.
    ///
    /// # Errors
    /// [`OpenError`]. A damaged store is never replaced.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = open::lock(folder)?;
        let (path, path_to_read) = (folder.to_owned(), folder.to_owned());
        let database = open::open_or_create(folder)?;
        let database = Arc::new(ReopeningDatabase::start(
            database,
            move || open::open_existing(&path),
            move || open::open_to_read(&path_to_read),
        ));
        let writer = Writer::start(Arc::clone(&database), FreeSpace::in_folder(folder));
        Ok(Self { database, writer, _lock: lock })
    }

    /// A store on this database, as if the disk had unlimited free space.
    #[cfg(any(test, fuzzing))]
    #[expect(clippy::unwrap_used, reason = "a test without a temporary file cannot go on")]
    pub(super) fn with(database: ReopeningDatabase) -> Self {
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database), FreeSpace::unlimited());
        Self { database, writer, _lock: tempfile::tempfile().unwrap() }
    }

    /// Makes a change, and returns its outcome once it is durable.
    ///
    /// # Errors
    /// [`CommitError`], which says whether the change may have been made.
    ///
    /// # Cancel safety
    /// A queued change is made even if nobody awaits its outcome.
    pub(crate) async fn commit<C: Change>(&self, change: C) -> Result<C::Outcome, CommitError> {
        self.queue(change).await?.await
    }

    /// Queues a change, and returns a future of its outcome. Changes are made in the order in which they were
    /// queued.
    ///
    /// # Errors
    /// [`CommitError::Failed`] if the store is closed. The errors of the future are those of
    /// [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// Not cancel safe: the caller does not learn whether the change was queued.
    pub(crate) async fn queue<C: Change>(
        &self,
        change: C,
    ) -> Result<impl Future<Output = Result<C::Outcome, CommitError>> + Send + use<C>, CommitError>
    {
        self.writer.queue(change).await
    }

    /// From now on passes the notifications of each change to `notify`, after the commit and before the outcome.
    /// `notify` must not block.
    pub(crate) fn on_change(&self, notify: impl Fn(Notification) + Send + Sync + 'static) {
        self.writer.on_change(Box::new(notify));
    }

    /// Runs a query on a snapshot, on a thread that may block. After an I/O error the query runs once more.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        query: impl Fn(&mut dyn Read) -> Result<T, Stop> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (database, rows_read) = (Arc::clone(&self.database), RowsRead::of_this_task());
        let answer = spawn_blocking(move || {
            database.read(|database| {
                let mut snapshot = Snapshot::of(database)?;
                let mut tables = Counted::of(&mut snapshot);
                let answer = query(&mut tables).map_err(Stop::fault);
                rows_read.add(tables.rows());
                answer
            })
        });
        answer.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Accepts no more changes, and returns once the queued ones are done.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }
}
