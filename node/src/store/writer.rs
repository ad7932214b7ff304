//! Group commit. One thread takes the queued changes, applies them in one transaction, commits, and only then
//! sends the outcomes. There is no timer: a batch holds the changes that arrived during the last fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use qchat_proto::Refusal;
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::change::{ApplyError, Change};
use super::database::ReopeningDatabase;
use super::error::{CommitError, StoreError};
use super::free_space::{FreeSpace, FreeSpaceNow, full_disk_refusal};
use super::notification::Notification;
use super::schema::rows_read::RowsRead;
use super::schema::tables::{self, Tables};
use crate::error_chain::error_chain;
use crate::lock::lock;

/// The most changes in the queue. A later caller waits until the queue has space.
const QUEUE_MAX: usize = 1024;

/// The most changes in one transaction.
const BATCH_MAX: usize = 512;

/// A batch takes no further change once its changes have this many bytes of text. The longest message takes four
/// times its size on the disk (two logs, pages of twice its size), and a whole batch must fit in the free-space
/// floor.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Receives the notifications of each durable change.
type Notify = Box<dyn Fn(Notification) + Send + Sync>;

/// The queue of the writer thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    notify: Arc<OnceLock<Notify>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the writer thread.
    pub(super) fn start(database: Arc<ReopeningDatabase>, free_space: FreeSpace) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (finish, finished) = oneshot::channel();
        let notify = Arc::<OnceLock<Notify>>::default();
        let notify_of_thread = Arc::clone(&notify);
        thread::spawn(move || {
            write(&database, &free_space, jobs, &notify_of_thread);
            // In this order: after `finish`, the caller of `close` may open the file again.
            drop(database);
            drop(finish);
        });
        Self { queue: Mutex::new(Some(queue)), finished: Mutex::new(Some(finished)), notify }
    }

    /// From now on passes the notifications of each durable change to `notify`. A second call has no effect.
    pub(super) fn on_change(&self, notify: Notify) {
        let _ = self.notify.set(notify);
    }

    /// Queues a change, and returns a future of its outcome. Changes are made in the order in which they were
    /// queued.
    pub(super) async fn queue<C: Change>(
        &self,
        change: C,
    ) -> Result<impl Future<Output = JobResult<C>> + Send + use<C>, CommitError> {
        let queue = lock(&self.queue).clone();
        let closed = || CommitError::Failed(Arc::new(StoreError::Closed));
        let queue = queue.ok_or_else(closed)?;
        let (job, outcome) = job(change);
        queue.send(job).await.map_err(|_| closed())?;
        drop(queue);
        // The writer thread panicked during the transaction of this job, which may be durable.
        let unknown = |_| Err(CommitError::Unknown(Arc::new(StoreError::Panicked)));
        Ok(async move { outcome.await.unwrap_or_else(unknown) })
    }

    /// Closes the queue, and waits until the thread has done the queued changes.
    pub(super) async fn close(&self) {
        lock(&self.queue).take();
        let finished = lock(&self.finished).take();
        if let Some(finished) = finished {
            let _ = finished.await;
        }
    }
}

/// A queued change of any type, with the sender of its outcome.
pub(super) trait Job: Send {
    /// The bytes of text that the change adds.
    fn bytes(&self) -> usize;
    /// Whether the change may be made on a full disk.
    fn frees_space(&self) -> bool;
    /// Sends a refusal.
    fn refused(self: Box<Self>, refusal: Refusal);
    /// Applies the change, and keeps its outcome until the commit.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError>;
    /// The notifications, if the change was made.
    fn notifications(&self) -> Vec<Notification>;
    /// Sends the outcome, after the commit.
    fn committed(self: Box<Self>);
    /// Sends an error: nothing was changed.
    fn failed(self: Box<Self>, error: Arc<StoreError>);
    /// Sends an error: the change may be durable.
    fn unknown(self: Box<Self>, error: Arc<StoreError>);
}

struct ChangeJob<C: Change> {
    change: C,
    outcome: Option<Result<C::Outcome, Refusal>>,
    sender: oneshot::Sender<JobResult<C>>,
    /// Counts the rows that the change reads and writes.
    rows_read: RowsRead,
}

/// The result of a job.
type JobResult<C> = Result<<C as Change>::Outcome, CommitError>;

/// A job for this change, and the receiver of its outcome.
pub(super) fn job<C: Change>(change: C) -> (Box<dyn Job>, oneshot::Receiver<JobResult<C>>) {
    let (sender, receiver) = oneshot::channel();
    let rows_read = RowsRead::of_this_task();
    (Box::new(ChangeJob { change, outcome: None, sender, rows_read }), receiver)
}

impl<C: Change> Job for ChangeJob<C> {
    fn bytes(&self) -> usize {
        self.change.bytes()
    }

    fn frees_space(&self) -> bool {
        self.change.frees_space()
    }

    fn refused(self: Box<Self>, refusal: Refusal) {
        let _ = self.sender.send(Err(CommitError::Refused(refusal)));
    }

    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        let applied = self.change.apply(tables);
        self.rows_read.add(tables.rows_read.take());
        self.outcome = Some(match applied {
            Ok(outcome) => Ok(outcome),
            Err(ApplyError::Refused(refusal)) => Err(refusal),
            Err(ApplyError::Failed(error)) => return Err(error),
        });
        Ok(())
    }

    fn notifications(&self) -> Vec<Notification> {
        match &self.outcome {
            Some(Ok(outcome)) => self.change.notifications(outcome),
            _ => Vec::new(),
        }
    }

    fn committed(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // The caller may be gone; the change was made anyway.
            let _ = self.sender.send(outcome.map_err(CommitError::Refused));
        }
    }

    fn failed(self: Box<Self>, error: Arc<StoreError>) {
        match error.is_full_disk() {
            true => self.refused(full_disk_refusal()),
            false => _ = self.sender.send(Err(CommitError::Failed(error))),
        }
    }

    fn unknown(self: Box<Self>, error: Arc<StoreError>) {
        let _ = self.sender.send(Err(CommitError::Unknown(error)));
    }
}

/// Writes batches until the queue is closed and empty.
fn write(
    database: &ReopeningDatabase,
    free_space: &FreeSpace,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    notify: &OnceLock<Notify>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = batch(first, &mut jobs);
        let free_space = free_space.now();
        if let Err(full) = free_space.admit_anything() {
            let (kept, refused) = batch.into_iter().partition(|job| job.frees_space());
            batch = kept;
            let refused: Vec<Box<dyn Job>> = refused;
            refused.into_iter().for_each(|job| job.refused(full.clone()));
        }
        if !batch.is_empty() {
            write_or_reopen(database, batch, free_space, notify);
        }
    }
}

/// The next batch: `first`, and the queued changes up to the limits of a batch.
fn batch(first: Box<dyn Job>, jobs: &mut mpsc::Receiver<Box<dyn Job>>) -> Vec<Box<dyn Job>> {
    let mut bytes = first.bytes();
    let mut batch = vec![first];
    while batch.len() < BATCH_MAX
        && bytes < BATCH_BYTES_MAX
        && let Ok(job) = jobs.try_recv()
    {
        bytes = bytes.saturating_add(job.bytes());
        batch.push(job);
    }
    batch
}

/// Makes the changes of a batch. After an I/O error, reopens the database and looks up whether the transaction is
/// durable. Changes that only met the `PreviousIo` of an earlier error are tried once more.
pub(super) fn write_or_reopen(
    database: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) {
    let unanswered = write_once(database, batch, free_space, notify);
    let (untried, tried): (Vec<_>, Vec<_>) =
        unanswered.into_iter().partition(UnansweredBatch::is_untried);
    // In this order: the outcome of a transaction can be looked up only until the next one.
    tried.into_iter().for_each(|batch| batch.look_up(database, notify));
    let again: Vec<_> = untried.into_iter().flat_map(|batch| batch.jobs).collect();
    if !again.is_empty() {
        let unanswered = write_once(database, again, free_space, notify);
        unanswered.into_iter().for_each(|batch| batch.look_up(database, notify));
    }
}

/// Makes the changes of a batch. Reopens the database after an I/O error, and returns the changes that have no
/// outcome yet.
fn write_once(
    database: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) -> Vec<UnansweredBatch> {
    let mut batch = Some(batch);
    let written = database.write(|database| {
        let batch = batch.take().unwrap_or_default();
        Ok(write_batch(database, batch, free_space, notify))
    });
    let unanswered = match written {
        Ok(unanswered) => unanswered,
        // The database had to be reopened, and could not be opened.
        Err(error) => {
            fail(batch.unwrap_or_default(), &Arc::new(error));
            return Vec::new();
        }
    };
    let Some(first) = unanswered.first() else { return unanswered };
    tracing::error!(
        fault = error_chain(&*first.error),
        "the store's disk failed; opening the store again"
    );
    if let Err(error) = database.reopen() {
        tracing::error!(
            error = error_chain(&error),
            "the store does not open; the next command tries again"
        );
    }
    unanswered
}

/// A batch whose transaction met an I/O error. redb fails every further call until the database is reopened.
pub(super) struct UnansweredBatch {
    jobs: Vec<Box<dyn Job>>,
    error: Arc<StoreError>,
    /// The number of the transaction, if its commit was tried.
    transaction: Option<u64>,
}

impl UnansweredBatch {
    /// Whether redb refused the transaction without a call to the disk.
    fn is_untried(&self) -> bool {
        self.transaction.is_none() && self.error.is_previous_io()
    }

    /// Looks up in the reopened database whether the transaction is durable, and sends the outcomes.
    fn look_up(self, database: &ReopeningDatabase, notify: &OnceLock<Notify>) {
        let Self { jobs, error, transaction: Some(number) } = self else { return self.give_up() };
        match database.write(tables::batches) {
            Ok(last) if last == number => answer(jobs, notify),
            Ok(_) => fail(jobs, &error),
            Err(_) => Self { jobs, error, transaction: Some(number) }.give_up(),
        }
    }

    /// Sends an error without a look into the database.
    pub(super) fn give_up(self) {
        match self.transaction {
            None => fail(self.jobs, &self.error),
            Some(_) => {
                self.jobs.into_iter().for_each(|job| job.unknown(Arc::clone(&self.error)));
            }
        }
    }
}

/// Sends the notifications and then the outcomes of a durable batch.
fn answer(jobs: Vec<Box<dyn Job>>, notify: &OnceLock<Notify>) {
    if let Some(notify) = notify.get() {
        jobs.iter().flat_map(|job| job.notifications()).for_each(notify);
    }
    jobs.into_iter().for_each(Job::committed);
}

fn fail(jobs: Vec<Box<dyn Job>>, error: &Arc<StoreError>) {
    jobs.into_iter().for_each(|job| job.failed(Arc::clone(error)));
}

/// An error, and how far the transaction came.
enum TransactionError {
    BeforeCommit(StoreError),
    /// The commit of the transaction with this number failed.
    InCommit(u64, StoreError),
}

/// Makes the changes of a batch in one transaction, and sends their outcomes. Returns the changes whose outcome
/// is known only after the database is reopened.
pub(super) fn write_batch(
    database: &Database,
    mut batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) -> Vec<UnansweredBatch> {
    let (error, transaction) = match transact(database, &mut batch, free_space) {
        Ok(()) => {
            answer(batch, notify);
            return Vec::new();
        }
        // One change that meets a damaged record must not fail the others.
        Err(TransactionError::BeforeCommit(error))
            if batch.len() > 1 && !error.needs_reopening() =>
        {
            let each =
                batch.into_iter().map(|job| write_batch(database, vec![job], free_space, notify));
            return each.flatten().collect();
        }
        Err(TransactionError::BeforeCommit(error)) => (error, None),
        Err(TransactionError::InCommit(number, error)) => (error, Some(number)),
    };
    let unanswered = UnansweredBatch { jobs: batch, error: Arc::new(error), transaction };
    match unanswered.error.needs_reopening() {
        true => vec![unanswered],
        false => {
            unanswered.give_up();
            Vec::new()
        }
    }
}

fn transact(
    database: &Database,
    batch: &mut [Box<dyn Job>],
    free_space: FreeSpaceNow,
) -> Result<(), TransactionError> {
    // redb panics on some kinds of damage, which must not end the writer thread.
    let applied = catch_unwind(AssertUnwindSafe(|| {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let number = tables::count_batch(&transaction)?;
        let mut tables = Tables::open(&transaction, free_space)?;
        for job in batch {
            job.apply(&mut tables)?;
        }
        drop(tables);
        Ok((transaction, number))
    }));
    let (transaction, number) =
        applied.unwrap_or(Err(StoreError::Panicked)).map_err(TransactionError::BeforeCommit)?;
    let committed = catch_unwind(AssertUnwindSafe(|| transaction.commit()));
    match committed {
        Ok(result) => result.map_err(|error| TransactionError::InCommit(number, error.into())),
        Err(_) => Err(TransactionError::InCommit(number, StoreError::Panicked)),
    }
}
