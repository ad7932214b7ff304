//! Group commit. One thread takes the queued changes, applies them in one transaction, commits, and only then
//! sends the outcomes. There is no timer: a batch holds the changes that arrived during the last fsync.

use std::sync::{Arc, Mutex, OnceLock};
use std::thread;

use tokio::sync::{mpsc, oneshot};

use super::change::Change;
use super::embedded::{ReopeningDatabase, write_or_reopen};
use super::error::{CommitError, StoreError};
use super::free_space::FreeSpace;
use super::job::{Job, JobResult, Notify, job};
use crate::lock::lock;

/// The most changes in the queue. A later caller waits until the queue has space.
const QUEUE_MAX: usize = 1024;

/// The most changes in one transaction.
const BATCH_MAX: usize = 512;

/// A batch takes no further change once its changes have this many bytes of text. The longest message takes four
/// times its size on the disk (two logs, pages of twice its size), and a whole batch must fit in the free-space
/// floor.
const BATCH_BYTES_MAX: usize = 1024 * 1024;

/// The queue of the writer thread.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Box<dyn Job>>>>,
    notify: Arc<OnceLock<Notify>>,
    finished: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Writer {
    /// Starts the writer thread. It runs `write`, which makes the changes until the queue is closed and empty.
    pub(super) fn start(
        write: impl FnOnce(mpsc::Receiver<Box<dyn Job>>, Arc<OnceLock<Notify>>) + Send + 'static,
    ) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE_MAX);
        let (finish, finished) = oneshot::channel();
        let notify = Arc::<OnceLock<Notify>>::default();
        let notify_of_thread = Arc::clone(&notify);
        thread::spawn(move || {
            write(jobs, notify_of_thread);
            // After this, the caller of `close` may open the store again.
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

/// Writes batches to a redb database until the queue is closed and empty.
pub(super) fn write_to_redb(
    database: &ReopeningDatabase,
    free_space: &FreeSpace,
    mut jobs: mpsc::Receiver<Box<dyn Job>>,
    notify: &OnceLock<Notify>,
) {
    while let Some(first) = jobs.blocking_recv() {
        let mut batch = batch(first, &mut jobs, BATCH_MAX);
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
pub(super) fn batch(
    first: Box<dyn Job>,
    jobs: &mut mpsc::Receiver<Box<dyn Job>>,
    count_max: usize,
) -> Vec<Box<dyn Job>> {
    let mut bytes = first.bytes();
    let mut batch = vec![first];
    while batch.len() < count_max
        && bytes < BATCH_BYTES_MAX
        && let Ok(job) = jobs.try_recv()
    {
        bytes = bytes.saturating_add(job.bytes());
        batch.push(job);
    }
    batch
}
