//! The driver: takes the queued changes in batches, with one transaction in flight, and answers after the commit.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};

use super::attempt::{AttemptFailure, RoundTrips, attempt};
use super::batch::ChangeBatch;
use super::connection::{Connection, DatabaseAddress, Pauses};
use super::error::{Effect, PostgresError, StatementError};
use super::pool::Generation;
use super::writer_row::{LastBatch, WriterRow};
use crate::store::error::StoreError;
use crate::store::job::{Job, Notify, answer, fail};
use crate::store::writer::batch;

/// The most changes in one transaction. Its locks are held until the commit, and other servers wait for them.
const BATCH_MAX: usize = 128;

/// How often a batch meets others in its way before it is split.
const CONFLICTS_MAX: u32 = 4;

/// The age at which a change is given up while the database is away. Clients repeat it with the same id.
const UNANSWERED_MAX: Duration = Duration::from_secs(20);

/// The pause between two looks at the name and the connection, while there is nothing to do.
const IDLE_MAX: Duration = Duration::from_secs(5);

/// The driver of a server.
pub(super) struct Driver {
    pub(super) address: DatabaseAddress,
    pub(super) writer: WriterRow,
    /// `None` after an error, until it is open again.
    pub(super) connection: Option<Connection>,
    pub(super) notify: Arc<OnceLock<Notify>>,
    pub(super) trips: RoundTrips,
    pub(super) generation: Generation,
}

/// The end of a driver: another process has taken its name.
#[derive(Debug)]
pub(super) struct NameTaken;

impl Driver {
    /// Makes the queued changes until the queue is closed and empty.
    ///
    /// # Errors
    /// [`NameTaken`], after which no change can be made.
    pub(super) async fn run(
        mut self,
        jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    ) -> Result<(), NameTaken> {
        loop {
            match timeout(IDLE_MAX, jobs.recv()).await {
                Ok(Some(first)) => self.write(batch(first, jobs, BATCH_MAX)).await?,
                Ok(None) => return Ok(()),
                Err(_) => self.look().await?,
            }
        }
    }

    /// Looks whether the connection and the name are still those of this process.
    async fn look(&mut self) -> Result<(), NameTaken> {
        let looked = match &self.connection {
            Some(connection) => self.writer.check(connection).await,
            None => self.open().await.map(drop),
        };
        match looked {
            Err(StatementError::NameTaken(_)) => Err(NameTaken),
            Err(error) => {
                self.lose(&error);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Makes the changes of a batch, and answers them.
    pub(super) async fn write(&mut self, jobs: Vec<Box<dyn Job>>) -> Result<(), NameTaken> {
        let deadline = Instant::now() + UNANSWERED_MAX;
        let mut batches = vec![ChangeBatch::of(jobs)];
        while let Some(mut batch) = batches.pop() {
            let failure = match self.attempt(&mut batch, deadline).await {
                Ok(()) => {
                    answer(batch.jobs, &self.notify);
                    continue;
                }
                Err(failure) => failure,
            };
            match failure {
                AttemptFailure::NotLocked => batches.push(batch),
                AttemptFailure::BeforeCommit(error) | AttemptFailure::RolledBack(error) => {
                    self.settle(batch, error, (&mut batches, deadline))?;
                }
                AttemptFailure::Unknown(number, error) => {
                    self.lose(&error);
                    match self.open_until(deadline).await {
                        Ok(last) if last.is(number) => answer(batch.jobs, &self.notify),
                        Ok(_) => batches.push(batch),
                        Err(error) => {
                            let is_taken = matches!(error, StatementError::NameTaken(_));
                            unknown(batch.jobs, error);
                            if is_taken {
                                return Err(self.end(batches));
                            }
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Decides on a batch that was not made: whether it is tried again, in halves, or given up.
    fn settle(
        &mut self,
        mut batch: ChangeBatch,
        error: StatementError,
        (batches, deadline): (&mut Vec<ChangeBatch>, Instant),
    ) -> Result<(), NameTaken> {
        if matches!(error, StatementError::NameTaken(_)) {
            give_up(batch, error);
            return Err(self.end(std::mem::take(batches)));
        }
        let effect = error.effect();
        if effect == Effect::Lost {
            self.lose(&error);
        }
        if Instant::now() > deadline {
            give_up(batch, error);
            return Ok(());
        }
        batch.conflicts += u32::from(effect != Effect::Lost);
        let is_split = match effect {
            Effect::Lost => false,
            Effect::Duplicate if batch.is_optimistic => {
                batch.is_optimistic = false;
                false
            }
            Effect::Conflict | Effect::Duplicate => batch.conflicts > CONFLICTS_MAX,
            Effect::Refused | Effect::Consequence => true,
        };
        match (is_split, batch.jobs.len()) {
            (false, _) => batches.push(batch),
            (true, 0 | 1) => give_up(batch, error),
            (true, _) => batches.extend(batch.halves().into_iter().rev()),
        }
        Ok(())
    }

    async fn attempt(
        &mut self,
        batch: &mut ChangeBatch,
        deadline: Instant,
    ) -> Result<(), AttemptFailure> {
        if self.connection.is_none() {
            self.open_until(deadline).await?;
        }
        let Some(connection) = &self.connection else {
            return Err(StatementError::Away("no connection".to_owned()).into());
        };
        attempt(connection, &mut self.writer, batch, &mut self.trips).await
    }

    fn lose(&mut self, error: &StatementError) {
        if self.connection.take().is_some() {
            tracing::warn!(%error, "the connection to the database is lost; opening another one");
        }
    }

    /// Opens a new connection, and takes the row of this server for it.
    async fn open(&mut self) -> Result<LastBatch, StatementError> {
        let away = |error: PostgresError| StatementError::Away(error.to_string());
        let mut connection = Connection::open(&self.address).await.map_err(away)?;
        connection.prepare().await?;
        let last = self.writer.take_again(&connection).await?;
        self.generation.next();
        self.connection = Some(connection);
        tracing::info!("the database is there again");
        Ok(last)
    }

    /// Opens a new connection, and tries again until a deadline.
    async fn open_until(&mut self, deadline: Instant) -> Result<LastBatch, StatementError> {
        let mut pauses = Pauses::default();
        loop {
            match self.open().await {
                Ok(last) => return Ok(last),
                Err(error @ StatementError::NameTaken(_)) => return Err(error),
                Err(error) if Instant::now() > deadline => return Err(error),
                Err(error) => tracing::debug!(%error, "the database is away"),
            }
            sleep(pauses.next()).await;
        }
    }

    /// Gives all other batches up, since another process has this server's name.
    fn end(&self, batches: Vec<ChangeBatch>) -> NameTaken {
        for batch in batches {
            give_up(batch, StatementError::NameTaken(self.writer.node.name.clone()));
        }
        NameTaken
    }
}

/// Sends an error: nothing was changed.
fn give_up(batch: ChangeBatch, error: StatementError) {
    fail(batch.jobs, &Arc::new(StoreError::from(error)));
}

/// Sends an error: the changes may be durable.
fn unknown(jobs: Vec<Box<dyn Job>>, error: StatementError) {
    let error = Arc::new(StoreError::from(error));
    jobs.into_iter().for_each(|job| job.unknown(Arc::clone(&error)));
}
