//! The handle on an open store: changes, queries, and an orderly close.

use std::path::Path;
use std::sync::Arc;

#[cfg(feature = "cluster")]
use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use crate::store::change::Change;
use crate::store::embedded::{ReopeningDatabase, Snapshot, open};
use crate::store::error::{CommitError, OpenError, StoreError};
use crate::store::free_space::FreeSpace;
use crate::store::interface::{Counted, Read, RowsRead, Stop};
use crate::store::notification::Notification;
#[cfg(feature = "cluster")]
use crate::store::postgres::{Membership, Pool, PostgresError, SharedKeys};
use crate::store::writer::{Writer, write_to_redb};

/// A handle on an open store.
pub(crate) struct Store {
    engine: Engine,
    writer: Writer,
    name_taken: CancellationToken,
}

/// The place of the rows.
enum Engine {
    /// A redb file in the data folder. At most one process has it open.
    Embedded {
        database: Arc<ReopeningDatabase>,
        /// The lock on the data folder, held while the store is open.
        _lock: std::fs::File,
    },
    /// A database that several servers share.
    #[cfg(feature = "cluster")]
    Postgres(Pool),
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
        Ok(Self::embedded(database, FreeSpace::in_folder(folder), lock))
    }

    /// A store on this database, as if the disk had unlimited free space.
    #[cfg(any(test, fuzzing))]
    #[expect(clippy::unwrap_used, reason = "a test without a temporary file cannot go on")]
    pub(super) fn with(database: ReopeningDatabase) -> Self {
        let lock = tempfile::tempfile().unwrap();
        Self::embedded(Arc::new(database), FreeSpace::unlimited(), lock)
    }

    fn embedded(
        database: Arc<ReopeningDatabase>,
        free_space: FreeSpace,
        lock: std::fs::File,
    ) -> Self {
        let written = Arc::clone(&database);
        let writer = Writer::start(move |jobs, notify| {
            write_to_redb(&written, &free_space, jobs, &notify);
        });
        let engine = Engine::Embedded { database, _lock: lock };
        Self { engine, writer, name_taken: CancellationToken::new() }
    }

    /// Opens the store in a database, together with other servers. An empty database gets its tables.
    ///
    /// # Errors
    /// [`OpenError::Postgres`], one sentence with the remedy.
    #[cfg(feature = "cluster")]
    pub(crate) fn connect(membership: Membership) -> Result<Self, OpenError> {
        let name_taken = CancellationToken::new();
        let cancelled_by_thread = name_taken.clone();
        let (send, joined) = std::sync::mpsc::channel();
        let failed = |error: std::io::Error| PostgresError::Failed(error.to_string());
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        // The bytes of all connections are moved by the thread of the writer.
        let writer = Writer::start(move |jobs, notify| {
            runtime.block_on(async {
                match membership.join(notify).await {
                    Ok((driver, pool)) => {
                        let _ = send.send(Ok(pool));
                        driver.run(jobs, &cancelled_by_thread).await;
                    }
                    Err(error) => _ = send.send(Err(error)),
                }
            });
        });
        let stopped = || PostgresError::Failed("its thread stopped".to_owned());
        let pool = joined.recv().map_err(|_| stopped())??;
        Ok(Self { engine: Engine::Postgres(pool), writer, name_taken })
    }

    /// Tells the other servers of a database that this one has these keys from now on.
    ///
    /// # Errors
    /// [`OpenError::Postgres`] if the database belongs to servers with another key.
    #[cfg(feature = "cluster")]
    pub(crate) async fn share_keys(&self, keys: &SharedKeys) -> Result<(), OpenError> {
        match &self.engine {
            Engine::Embedded { .. } => Ok(()),
            Engine::Postgres(pool) => Ok(pool.share_keys(keys).await?),
        }
    }

    /// Waits until another process has taken this server's name, after which the store makes no change.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn name_taken(&self) {
        self.name_taken.cancelled().await;
    }

    /// The redb database.
    #[cfg(any(test, fuzzing))]
    pub(super) fn database(&self) -> &ReopeningDatabase {
        match &self.engine {
            Engine::Embedded { database, .. } => database,
            #[cfg(feature = "cluster")]
            Engine::Postgres(_) => panic!("the store is not in a redb file"),
        }
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
        let rows_read = RowsRead::of_this_task();
        let database = match &self.engine {
            Engine::Embedded { database, .. } => Arc::clone(database),
            #[cfg(feature = "cluster")]
            Engine::Postgres(pool) => {
                let counted = |rows: &mut dyn Read| {
                    let mut rows = Counted::of(rows);
                    let answer = query(&mut rows)?;
                    rows_read.add(rows.rows());
                    Ok(answer)
                };
                return pool.read(counted).await;
            }
        };
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
