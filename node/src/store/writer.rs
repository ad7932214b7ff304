//! The one thread that writes: it takes what is queued, applies it in one transaction, commits, and
//! only then answers. No timer: a batch is what arrived during the last fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use qchat_proto::Refusal;
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::changes::{ApplyError, Change};
use super::database::ReopeningDatabase;
use super::error::StoreError;
use super::free_space::{FreeSpace, FreeSpaceNow};
use super::notification::Notification;
use super::rows_read::RowsRead;
use super::tables::{self, Tables};
use crate::error_chain::chain;

/// How many changes may wait. Who comes later waits for a place.
const QUEUE_MAX: usize = 1024;

/// How many changes share a transaction at the most.
const BATCH_MAX: usize = 512;

/// How much text the changes of a batch bring at the most, but for the last of them. A message of the longest kind lies
/// in two logs, in pages of twice its size: the floor of free disk has to hold a whole batch of them.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// Why a change was not made, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// The change is not allowed. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something failed before the commit. Nothing was changed.
    #[error("changing the store")]
    Failed(#[source] Arc<StoreError>),
    /// The commit failed, and may have become durable all the same.
    #[error("committing a change to the store")]
    Unknown(#[source] Arc<StoreError>),
}

/// Is told what others have to look at.
type Wake = Box<dyn Fn(Notification) + Send + Sync>;

/// Hands changes to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    wake: Arc<OnceLock<Wake>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(engine: Arc<ReopeningDatabase>, room: FreeSpace) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (finish, finished) = oneshot::channel();
        let wake = Arc::<OnceLock<Wake>>::default();
        let wakes = Arc::clone(&wake);
        thread::spawn(move || {
            write(&engine, &room, jobs, &wakes);
            // In this order: who waits for the end may open the file again.
            drop(engine);
            drop(finish);
        });
        Self { queue: Mutex::new(Some(queue)), finished: Mutex::new(Some(finished)), wake }
    }

    /// Tells `wake` of what changes from now on. The first caller is the only one.
    pub(super) fn on_change(&self, wake: Wake) {
        let _ = self.wake.set(wake);
    }

    /// Queues a change, and returns a future with its answer. Changes are made in the order in which they were
    /// queued.
    pub(super) async fn queue<C: Change>(
        &self,
        change: C,
    ) -> Result<impl Future<Output = Reply<C>> + Send + use<C>, CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = || CommitError::Failed(Arc::new(StoreError::Closed));
        let queue = queue.ok_or_else(closed)?;
        let (job, answered) = queued(change);
        queue.send(job).await.map_err(|_| closed())?;
        drop(queue);
        // A job that was dropped unanswered was in a transaction that may or may not have happened.
        let unknown = |_| Err(CommitError::Unknown(Arc::new(StoreError::Panicked)));
        Ok(async move { answered.await.unwrap_or_else(unknown) })
    }

    /// Lets the thread finish what is queued, and waits for that.
    pub(super) async fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(finished) = finished {
            let _ = finished.await;
        }
    }
}

/// A change of any type, with the place where its answer goes.
pub(super) trait Job: Send {
    /// How many bytes of text it brings.
    fn bytes(&self) -> usize;
    /// Whether it may be made without room.
    fn makes_room(&self) -> bool;
    /// Answers that there is no room.
    fn refused(self: Box<Self>, refusal: Refusal);
    /// Applies the change and keeps its outcome.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError>;
    /// What others have to look at, where the change was made.
    fn notifications(&self) -> Vec<Notification>;
    /// Answers with the outcome: the commit holds it.
    fn committed(self: Box<Self>);
    /// Answers that nothing was changed.
    fn failed(self: Box<Self>, fault: Arc<StoreError>);
    /// Answers that nobody knows.
    fn unknown(self: Box<Self>, fault: Arc<StoreError>);
}

struct Queued<C: Change> {
    change: C,
    outcome: Option<Result<C::Outcome, Refusal>>,
    answer: oneshot::Sender<Reply<C>>,
    /// Counts the rows of this change.
    rows_read: RowsRead,
}

/// What a change is answered with.
type Reply<C> = Result<<C as Change>::Outcome, CommitError>;

/// A change ready for a batch, and where its answer arrives.
pub(super) fn queued<C: Change>(change: C) -> (Box<dyn Job>, oneshot::Receiver<Reply<C>>) {
    let (answer, answered) = oneshot::channel();
    let rows_read = RowsRead::of_this_work();
    (Box::new(Queued { change, outcome: None, answer, rows_read }), answered)
}

impl<C: Change> Job for Queued<C> {
    fn bytes(&self) -> usize {
        self.change.bytes()
    }

    fn makes_room(&self) -> bool {
        self.change.makes_room()
    }

    fn refused(self: Box<Self>, refusal: Refusal) {
        let _ = self.answer.send(Err(CommitError::Refused(refusal)));
    }

    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), StoreError> {
        let applied = self.change.apply(tables);
        self.rows_read.add(tables.rows_read.take());
        self.outcome = Some(match applied {
            Ok(outcome) => Ok(outcome),
            Err(ApplyError::Refused(refusal)) => Err(refusal),
            Err(ApplyError::StoreError(fault)) => return Err(fault),
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
            // Nobody may be listening any more: the change happened all the same.
            let _ = self.answer.send(outcome.map_err(CommitError::Refused));
        }
    }

    fn failed(self: Box<Self>, fault: Arc<StoreError>) {
        match fault.is_full_disk() {
            true => self.refused(FreeSpaceNow::found_full()),
            false => _ = self.answer.send(Err(CommitError::Failed(fault))),
        }
    }

    fn unknown(self: Box<Self>, fault: Arc<StoreError>) {
        let _ = self.answer.send(Err(CommitError::Unknown(fault)));
    }
}

/// Writes until nobody is left who could ask for it.
fn write(
    engine: &ReopeningDatabase,
    room: &FreeSpace,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    wake: &OnceLock<Wake>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = batch(first, &mut jobs);
        let room = room.now();
        if let Err(full) = room.admit_anything() {
            let (kept, refused) = batch.into_iter().partition(|job| job.makes_room());
            batch = kept;
            let refused: Vec<Box<dyn Job>> = refused;
            refused.into_iter().for_each(|job| job.refused(full.clone()));
        }
        if !batch.is_empty() {
            write_or_reopen(engine, batch, room, wake);
        }
    }
}

/// What is queued, as much of it as shares a transaction.
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

/// Makes the changes of a batch. Where the disk failed, opens the database anew, and looks there what has
/// become of them. Those that only met what an earlier call had left behind are tried once more.
pub(super) fn write_or_reopen(
    engine: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    room: FreeSpaceNow,
    wake: &OnceLock<Wake>,
) {
    let unsettled = write_once(engine, batch, room, wake);
    let (untried, tried): (Vec<_>, Vec<_>) = unsettled.into_iter().partition(Unsettled::is_untried);
    // In this order: what became of a transaction is known only until the next one.
    tried.into_iter().for_each(|part| part.settle(engine, wake));
    let again: Vec<_> = untried.into_iter().flat_map(|part| part.batch).collect();
    if !again.is_empty() {
        let unsettled = write_once(engine, again, room, wake);
        unsettled.into_iter().for_each(|part| part.settle(engine, wake));
    }
}

/// Makes the changes of a batch, and opens the database anew for those without an answer, which it returns.
fn write_once(
    engine: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    room: FreeSpaceNow,
    wake: &OnceLock<Wake>,
) -> Vec<Unsettled> {
    let mut batch = Some(batch);
    let written = engine.with(|database| {
        let batch = batch.take().unwrap_or_default();
        Ok(write_batch(database, batch, room, wake))
    });
    let unsettled = match written {
        Ok(unsettled) => unsettled,
        // It was to be opened anew, and that failed.
        Err(fault) => {
            fail(batch.unwrap_or_default(), &Arc::new(fault));
            return Vec::new();
        }
    };
    let Some(first) = unsettled.first() else { return unsettled };
    tracing::error!(
        fault = chain(&*first.fault),
        "the store's disk failed; opening the store again"
    );
    if let Err(error) = engine.reopen() {
        tracing::error!(
            error = chain(&error),
            "the store does not open; the next command tries again"
        );
    }
    unsettled
}

/// Changes without an answer. The engine does nothing any more until it is opened again.
pub(super) struct Unsettled {
    batch: Vec<Box<dyn Job>>,
    fault: Arc<StoreError>,
    /// The number of their transaction, where its commit was tried.
    transaction: Option<u64>,
}

impl Unsettled {
    /// Whether the disk was not even asked: nothing of it can have been made.
    fn is_untried(&self) -> bool {
        self.transaction.is_none() && self.fault.is_left_over()
    }

    /// Answers by what the database holds now that it is open again.
    fn settle(self, engine: &ReopeningDatabase, wake: &OnceLock<Wake>) {
        let Self { batch, fault, transaction: Some(number) } = self else { return self.give_up() };
        match engine.with(tables::batches) {
            Ok(last) if last == number => answer(batch, wake),
            Ok(_) => fail(batch, &fault),
            Err(_) => Self { batch, fault, transaction: Some(number) }.give_up(),
        }
    }

    /// Answers by what is known without looking.
    pub(super) fn give_up(self) {
        match self.transaction {
            None => fail(self.batch, &self.fault),
            Some(_) => {
                self.batch.into_iter().for_each(|job| job.unknown(Arc::clone(&self.fault)));
            }
        }
    }
}

/// Answers what was committed.
fn answer(batch: Vec<Box<dyn Job>>, wake: &OnceLock<Wake>) {
    if let Some(wake) = wake.get() {
        batch.iter().flat_map(|job| job.notifications()).for_each(wake);
    }
    batch.into_iter().for_each(Job::committed);
}

fn fail(batch: Vec<Box<dyn Job>>, fault: &Arc<StoreError>) {
    batch.into_iter().for_each(|job| job.failed(Arc::clone(fault)));
}

/// How far a transaction came.
enum Stopped {
    BeforeCommit(StoreError),
    /// In the commit of the transaction with this number.
    InCommit(u64, StoreError),
}

/// Makes the changes of a batch in one transaction, and answers each; but those which it returns, for whose
/// answers the database is to be opened again.
pub(super) fn write_batch(
    database: &Database,
    mut batch: Vec<Box<dyn Job>>,
    room: FreeSpaceNow,
    wake: &OnceLock<Wake>,
) -> Vec<Unsettled> {
    let (fault, transaction) = match transact(database, &mut batch, room) {
        Ok(()) => {
            answer(batch, wake);
            return Vec::new();
        }
        // One change that meets a damaged record must not fail the others.
        Err(Stopped::BeforeCommit(fault)) if batch.len() > 1 && !fault.needs_reopening() => {
            let each = batch.into_iter().map(|job| write_batch(database, vec![job], room, wake));
            return each.flatten().collect();
        }
        Err(Stopped::BeforeCommit(fault)) => (fault, None),
        Err(Stopped::InCommit(number, fault)) => (fault, Some(number)),
    };
    let unsettled = Unsettled { batch, fault: Arc::new(fault), transaction };
    match unsettled.fault.needs_reopening() {
        true => vec![unsettled],
        false => {
            unsettled.give_up();
            Vec::new()
        }
    }
}

fn transact(
    database: &Database,
    batch: &mut [Box<dyn Job>],
    room: FreeSpaceNow,
) -> Result<(), Stopped> {
    // The engine panics on some kinds of damage; that must not end the writer.
    let applied = catch_unwind(AssertUnwindSafe(|| {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let number = tables::count_batch(&transaction)?;
        let mut tables = Tables::open(&transaction, room)?;
        for job in batch {
            job.apply(&mut tables)?;
        }
        drop(tables);
        Ok((transaction, number))
    }));
    let (transaction, number) =
        applied.unwrap_or(Err(StoreError::Panicked)).map_err(Stopped::BeforeCommit)?;
    let committed = catch_unwind(AssertUnwindSafe(|| transaction.commit()));
    match committed {
        Ok(result) => result.map_err(|error| Stopped::InCommit(number, error.into())),
        Err(_) => Err(Stopped::InCommit(number, StoreError::Panicked)),
    }
}
