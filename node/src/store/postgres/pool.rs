//! Queries: each in a transaction that sees one snapshot, on one of a few connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};

use super::connection::{Connection, DatabaseAddress, Pauses, within};
use super::database::{self, SharedKeys};
use super::error::{Effect, PostgresError, StatementError};
use super::fetch::{FetchedRows, fetch};
use crate::lock::lock;
use crate::store::error::StoreError;
use crate::store::interface::{Read, Stop, WriterNumber};
use crate::store::overlay::{MissingRows, RowOverlay};

/// The most queries at a time, and so the most connections.
const CONNECTIONS_MAX: usize = 8;

/// The longest time of a query. The database may be away for a part of it.
const QUERY_MAX: Duration = Duration::from_secs(10);

/// The most round trips of one query.
const READS_MAX: u32 = 10_000;

/// Counts the times at which the writer has opened a new connection: the database may be another host since.
#[derive(Debug, Clone, Default)]
pub(super) struct Generation(Arc<AtomicU64>);

impl Generation {
    pub(super) fn next(&self) {
        self.0.fetch_add(1, Ordering::Release);
    }

    fn now(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// The connections for queries.
#[derive(Clone)]
pub(in crate::store) struct Pool(Arc<Shared>);

struct Shared {
    address: DatabaseAddress,
    /// Moves the bytes of the connections, also of those that a query of another runtime has opened.
    runtime: Handle,
    permits: Arc<Semaphore>,
    idle: Mutex<Vec<PooledConnection>>,
    generation: Generation,
}

struct PooledConnection {
    connection: Connection,
    generation: u64,
}

impl Pool {
    pub(super) fn new(address: DatabaseAddress, generation: Generation) -> Self {
        Self(Arc::new(Shared {
            address,
            runtime: Handle::current(),
            permits: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            idle: Mutex::default(),
            generation,
        }))
    }

    /// Runs a query on one snapshot. While the database is away, the query waits and is tried again.
    ///
    /// # Errors
    /// The query's own, or [`StatementError`] once the longest time of a query is over.
    pub(in crate::store) async fn read<T>(
        &self,
        query: impl Fn(&mut dyn Read) -> Result<T, Stop>,
    ) -> Result<T, StoreError> {
        let deadline = Instant::now() + QUERY_MAX;
        let permit = timeout_at(deadline, Arc::clone(&self.0.permits).acquire_owned()).await;
        let silent = |_| StatementError::Silent(QUERY_MAX);
        let mut permit = permit.map_err(silent)?.map_err(|_| StoreError::Closed)?;
        let mut pauses = Pauses::default();
        loop {
            let error = match self.read_once(&query, permit).await {
                (_, Ok(answer)) => return Ok(answer),
                (Some(kept), Err(StoreError::Postgres(error)))
                    if error.effect() != Effect::Refused && Instant::now() < deadline =>
                {
                    permit = kept;
                    error
                }
                (_, Err(error)) => return Err(error),
            };
            tracing::debug!(%error, "a query begins again");
            lock(&self.0.idle).clear();
            sleep(pauses.next()).await;
        }
    }

    /// Notes the keys of this server after a change of its key.
    ///
    /// # Errors
    /// [`PostgresError`], as at a start.
    pub(in crate::store) async fn share_keys(
        &self,
        keys: &SharedKeys,
    ) -> Result<(), PostgresError> {
        let pooled = self.connection().await.map_err(database::refused)?;
        database::prepare(&pooled.connection, keys).await
    }

    /// Runs a query once. After an error, the permit is handed back.
    async fn read_once<T>(
        &self,
        query: &impl Fn(&mut dyn Read) -> Result<T, Stop>,
        permit: OwnedSemaphorePermit,
    ) -> (Option<OwnedSemaphorePermit>, Result<T, StoreError>) {
        let pooled = match self.connection().await {
            Ok(pooled) => pooled,
            Err(error) => return (Some(permit), Err(error.into())),
        };
        match answer(&pooled.connection, query).await {
            Ok(answer) => {
                self.give_back(pooled, permit);
                (None, Ok(answer))
            }
            Err(error @ StoreError::Postgres(_)) => (Some(permit), Err(error)),
            Err(error) => {
                self.give_back(pooled, permit);
                (None, Err(error))
            }
        }
    }

    async fn connection(&self) -> Result<PooledConnection, StatementError> {
        let generation = self.0.generation.now();
        let idle = {
            let mut idle = lock(&self.0.idle);
            idle.retain(|pooled| pooled.generation == generation);
            idle.pop()
        };
        if let Some(pooled) = idle {
            return Ok(pooled);
        }
        let address = self.0.address.clone();
        let opened = self.0.runtime.spawn(async move {
            let away = |error: PostgresError| StatementError::Away(error.to_string());
            let mut connection = Connection::open(&address).await.map_err(away)?;
            connection.prepare().await?;
            Ok(connection)
        });
        let stopped = |_| Err(StatementError::Away("the store is closed".to_owned()));
        let connection = opened.await.unwrap_or_else(stopped)?;
        Ok(PooledConnection { connection, generation })
    }

    /// Ends the transaction, and keeps the connection for the next query. Nobody waits for this.
    fn give_back(&self, pooled: PooledConnection, permit: OwnedSemaphorePermit) {
        let shared = Arc::clone(&self.0);
        self.0.runtime.spawn(async move {
            if within(pooled.connection.client.batch_execute("COMMIT")).await.is_ok() {
                lock(&shared.idle).push(pooled);
            }
            drop(permit);
        });
    }
}

/// Runs a query, and reads what it lacks, until it has its answer.
async fn answer<T>(
    connection: &Connection,
    query: &impl Fn(&mut dyn Read) -> Result<T, Stop>,
) -> Result<T, StoreError> {
    let mut overlay = RowOverlay::of(WriterNumber::ONLY);
    for trip in 0..READS_MAX {
        match query(&mut overlay) {
            Ok(answer) => return Ok(answer),
            Err(Stop::Fault(error)) => return Err(error),
            Err(Stop::Missing) => {}
        }
        let missing = overlay.take_missing();
        match trip {
            0 => begin(connection, &missing).await?.enter(&mut overlay),
            _ => within(fetch(connection, &missing)).await?.enter(&mut overlay),
        }
    }
    Err(StatementError::TooManyReads.into())
}

async fn begin(
    connection: &Connection,
    missing: &MissingRows,
) -> Result<FetchedRows, StatementError> {
    const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    let all = async {
        tokio::try_join!(
            biased;
            async { Ok::<_, StatementError>(connection.client.batch_execute(BEGIN).await?) },
            fetch(connection, missing),
        )
    };
    Ok(within(all).await?.1)
}
