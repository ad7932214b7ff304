//! The one thread that writes: it takes what is queued, applies it in one transaction, commits, and
//! only then answers. No timer: a batch is what arrived during the last fsync.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use qchat_proto::Refusal;
use redb::Database;
use tokio::sync::{mpsc, oneshot};

use super::changes::{ApplyError, Change};
use super::fault::Fault;
use super::tables::Tables;
use super::wake_up::WakeUp;

/// How many changes may wait. Who comes later waits for a place.
const QUEUE_MAX: usize = 1024;

/// How many changes share a transaction at the most.
const BATCH_MAX: usize = 512;

/// Why a change was not made, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CommitError {
    /// The change is not allowed. Nothing was changed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Something failed before the commit. Nothing was changed.
    #[error("changing the store")]
    Failed(#[source] Arc<Fault>),
    /// The commit failed, and may have become durable all the same.
    #[error("committing a change to the store")]
    Unknown(#[source] Arc<Fault>),
}

/// Is told what others have to look at.
type Wake = Box<dyn Fn(WakeUp) + Send + Sync>;

/// Hands changes to the writing thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    wake: Arc<OnceLock<Wake>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(database: Arc<Database>) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (finish, finished) = oneshot::channel();
        let wake = Arc::<OnceLock<Wake>>::default();
        let wakes = Arc::clone(&wake);
        thread::spawn(move || {
            write(&database, jobs, &wakes);
            // In this order: who waits for the end may open the file again.
            drop(database);
            drop(finish);
        });
        Self { queue: Mutex::new(Some(queue)), finished: Mutex::new(Some(finished)), wake }
    }

    /// Tells `wake` of what changes from now on. The first caller is the only one.
    pub(super) fn on_change(&self, wake: Wake) {
        let _ = self.wake.set(wake);
    }

    /// Queues a change and waits for its answer.
    pub(super) async fn commit<C: Change>(&self, change: C) -> Result<C::Outcome, CommitError> {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let closed = || CommitError::Failed(Arc::new(Fault::Closed));
        let queue = queue.ok_or_else(closed)?;
        let (job, answered) = queued(change);
        queue.send(job).await.map_err(|_| closed())?;
        drop(queue);
        // A job that was dropped unanswered was in a transaction that may or may not have happened.
        answered.await.unwrap_or_else(|_| Err(CommitError::Unknown(Arc::new(Fault::Panicked))))
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
    /// Applies the change and keeps its outcome.
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Fault>;
    /// What others have to look at, where the change was made.
    fn wake_ups(&self) -> Vec<WakeUp>;
    /// Answers with the outcome: the commit holds it.
    fn committed(self: Box<Self>);
    /// Answers that nothing was changed.
    fn failed(self: Box<Self>, fault: Arc<Fault>);
    /// Answers that nobody knows.
    fn unknown(self: Box<Self>, fault: Arc<Fault>);
}

struct Queued<C: Change> {
    change: C,
    outcome: Option<Result<C::Outcome, Refusal>>,
    answer: oneshot::Sender<Answer<C>>,
}

/// What a change is answered with.
type Answer<C> = Result<<C as Change>::Outcome, CommitError>;

/// A change ready for a batch, and where its answer arrives.
pub(super) fn queued<C: Change>(change: C) -> (Box<dyn Job>, oneshot::Receiver<Answer<C>>) {
    let (answer, answered) = oneshot::channel();
    (Box::new(Queued { change, outcome: None, answer }), answered)
}

impl<C: Change> Job for Queued<C> {
    fn apply(&mut self, tables: &mut Tables<'_>) -> Result<(), Fault> {
        self.outcome = Some(match self.change.apply(tables) {
            Ok(outcome) => Ok(outcome),
            Err(ApplyError::Refused(refusal)) => Err(refusal),
            Err(ApplyError::Fault(fault)) => return Err(fault),
        });
        Ok(())
    }

    fn wake_ups(&self) -> Vec<WakeUp> {
        match &self.outcome {
            Some(Ok(outcome)) => self.change.wake_ups(outcome),
            _ => Vec::new(),
        }
    }

    fn committed(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Nobody may be listening any more: the change happened all the same.
            let _ = self.answer.send(outcome.map_err(CommitError::Refused));
        }
    }

    fn failed(self: Box<Self>, fault: Arc<Fault>) {
        let _ = self.answer.send(Err(CommitError::Failed(fault)));
    }

    fn unknown(self: Box<Self>, fault: Arc<Fault>) {
        let _ = self.answer.send(Err(CommitError::Unknown(fault)));
    }
}

/// Writes until nobody is left who could ask for it.
fn write(database: &Database, mut jobs: mpsc::Receiver<Box<dyn Job>>, wake: &OnceLock<Wake>) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_MAX
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        write_batch(database, batch, wake);
    }
}

/// How far a transaction came.
enum Stopped {
    BeforeCommit(Fault),
    InCommit(Fault),
}

/// Makes the changes of a batch in one transaction, and answers each.
pub(super) fn write_batch(
    database: &Database,
    mut batch: Vec<Box<dyn Job>>,
    wake: &OnceLock<Wake>,
) {
    match transact(database, &mut batch) {
        Ok(()) => {
            if let Some(wake) = wake.get() {
                batch.iter().flat_map(|job| job.wake_ups()).for_each(wake);
            }
            batch.into_iter().for_each(Job::committed);
        }
        // One change that meets a damaged record must not fail the others.
        Err(Stopped::BeforeCommit(_)) if batch.len() > 1 => {
            batch.into_iter().for_each(|job| write_batch(database, vec![job], wake));
        }
        Err(Stopped::BeforeCommit(fault)) => {
            let fault = Arc::new(fault);
            batch.into_iter().for_each(|job| job.failed(Arc::clone(&fault)));
        }
        Err(Stopped::InCommit(fault)) => {
            let fault = Arc::new(fault);
            batch.into_iter().for_each(|job| job.unknown(Arc::clone(&fault)));
        }
    }
}

fn transact(database: &Database, batch: &mut [Box<dyn Job>]) -> Result<(), Stopped> {
    // The engine panics on some kinds of damage; that must not end the writer.
    let applied = catch_unwind(AssertUnwindSafe(|| {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let mut tables = Tables::open(&transaction)?;
        for job in batch {
            job.apply(&mut tables)?;
        }
        drop(tables);
        Ok(transaction)
    }));
    let transaction = applied.unwrap_or(Err(Fault::Panicked)).map_err(Stopped::BeforeCommit)?;
    let committed = catch_unwind(AssertUnwindSafe(|| transaction.commit()));
    match committed {
        Ok(result) => result.map_err(|error| Stopped::InCommit(error.into())),
        Err(_) => Err(Stopped::InCommit(Fault::Panicked)),
    }
}
