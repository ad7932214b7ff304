//! The store: what the server knows, durable in one redb file.
//!
//! Writes are data: [`Store::commit`] takes a [`Change`], and answers once the fsync that holds it is
//! done. Reads are a handful of questions, each a short transaction on a snapshot. Everything that is
//! read in order lies in a log with dense sequence numbers.
//!
//! The store knows nobody: no network, no clock and no randomness. Times, ids and hashes come with the
//! change, so that applying it is a function of its arguments.

pub(crate) mod changes;
mod database;
mod error;
mod free_space;
mod notification;
mod open;
mod permission;
pub(crate) mod queries;
mod range_set;
mod records;
mod rows_read;
mod tables;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, expect(dead_code, reason = "a fuzzer needs less of it"))]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that meets what it did not expect panics: that is its answer"
)]
pub(crate) mod tests;
mod writer;
mod writes_in_memory;

use std::path::Path;
use std::sync::Arc;

use qchat_proto::Refusal;
use tokio::task::spawn_blocking;

use crate::store::database::ReopeningDatabase;
pub(crate) use crate::store::error::StoreError;
use crate::store::free_space::{FreeSpace, FreeSpaceNow};
pub(crate) use crate::store::notification::Notification;
pub(crate) use crate::store::rows_read::RowsRead;
use crate::store::rows_read::Snapshot;
pub(crate) use changes::Change;
pub use open::OpenError;
pub(crate) use writer::CommitError;
use writer::Writer;

/// What is told where a write found no room.
pub(crate) fn found_full() -> Refusal {
    FreeSpaceNow::found_full()
}

/// A handle on the store of one data folder. One process has it open at a time.
pub(crate) struct Store {
    engine: Arc<ReopeningDatabase>,
    writer: Writer,
    /// Held for as long as the store is open.
    _lock: std::fs::File,
}

impl Store {
    /// Opens the store in `folder`, or makes one where there is none.
    ///
    /// # Errors
    /// [`OpenError`]. A damaged store is never replaced.
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let lock = open::lock(folder)?;
        let (path, path_to_read) = (folder.to_owned(), folder.to_owned());
        let database = open::open_or_create(folder)?;
        let engine = Arc::new(ReopeningDatabase::start(
            database,
            move || open::open_existing(&path),
            move || open::open_to_read(&path_to_read),
        ));
        let writer = Writer::start(Arc::clone(&engine), FreeSpace::in_folder(folder));
        Ok(Self { engine, writer, _lock: lock })
    }

    /// A store on this database, as if no disk were ever full.
    #[cfg(any(test, fuzzing))]
    #[expect(clippy::unwrap_used, reason = "a test that cannot have a file is to stop")]
    fn with(engine: ReopeningDatabase) -> Self {
        let engine = Arc::new(engine);
        let writer = Writer::start(Arc::clone(&engine), FreeSpace::boundless());
        Self { engine, writer, _lock: tempfile::tempfile().unwrap() }
    }

    /// Makes a change, and answers when it is durable.
    ///
    /// # Errors
    /// [`CommitError`], which says whether the change may have happened all the same.
    ///
    /// # Cancel safety
    /// A change that was handed over happens whether or not its answer is awaited.
    pub(crate) async fn commit<C: Change>(&self, change: C) -> Result<C::Outcome, CommitError> {
        self.queue(change).await?.await
    }

    /// Hands a change over, and returns a future with its answer. Changes are made in the order in which they
    /// were handed over.
    ///
    /// # Errors
    /// The store is closed, and the change is not made. The future's are those of [`commit`](Self::commit).
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the change was handed over is unknown.
    pub(crate) async fn queue<C: Change>(
        &self,
        change: C,
    ) -> Result<impl Future<Output = Result<C::Outcome, CommitError>> + Send + use<C>, CommitError>
    {
        self.writer.queue(change).await
    }

    /// From now on tells `wake` what a change gives others to look at, after the commit and before the
    /// answer. It must not block.
    pub(crate) fn on_change(&self, wake: impl Fn(Notification) + Send + Sync + 'static) {
        self.writer.on_change(Box::new(wake));
    }

    /// Asks a question of a snapshot, on a thread that may block. Where the disk failed, it is asked once
    /// more.
    async fn read<T: Send + 'static>(
        &self,
        question: impl Fn(&Snapshot) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (engine, rows_read) = (Arc::clone(&self.engine), RowsRead::of_this_work());
        let answer = spawn_blocking(move || {
            engine.ask(|database| question(&Snapshot::of(database, &rows_read)?))
        });
        answer.await.unwrap_or(Err(StoreError::Panicked))
    }

    /// Takes no more changes, and returns when those that were handed over are done.
    pub(crate) async fn close(&self) {
        self.writer.close().await;
    }
}
