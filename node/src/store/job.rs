//! A queued change of any type, with the sender of its outcome.

use std::sync::{Arc, OnceLock};

use qchat_proto::Refusal;
use tokio::sync::oneshot;

use super::change::{ApplyError, Change};
use super::error::{CommitError, StoreError};
use super::free_space::full_disk_refusal;
use super::interface::{Counted, RowsRead, Stop, Write};
use super::notification::Notification;

/// A queued change of any type, with the sender of its outcome.
pub(in crate::store) trait Job: Send {
    /// The bytes of text that the change adds.
    fn bytes(&self) -> usize;
    /// The rows that the change will touch, as far as its fields tell.
    #[cfg(feature = "cluster")]
    fn needs(&self) -> super::interface::Needs;
    /// Whether the change may be made on a full disk.
    fn frees_space(&self) -> bool;
    /// Sends a refusal.
    fn refused(self: Box<Self>, refusal: Refusal);
    /// Applies the change, and keeps its outcome until the commit.
    fn apply(&mut self, tables: &mut dyn Write) -> Result<(), Stop>;
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
pub(in crate::store) type JobResult<C> = Result<<C as Change>::Outcome, CommitError>;

/// A job for this change, and the receiver of its outcome.
pub(in crate::store) fn job<C: Change>(
    change: C,
) -> (Box<dyn Job>, oneshot::Receiver<JobResult<C>>) {
    let (sender, receiver) = oneshot::channel();
    let rows_read = RowsRead::of_this_task();
    (Box::new(ChangeJob { change, outcome: None, sender, rows_read }), receiver)
}

impl<C: Change> Job for ChangeJob<C> {
    fn bytes(&self) -> usize {
        self.change.bytes()
    }

    #[cfg(feature = "cluster")]
    fn needs(&self) -> super::interface::Needs {
        self.change.needs()
    }

    fn frees_space(&self) -> bool {
        self.change.frees_space()
    }

    fn refused(self: Box<Self>, refusal: Refusal) {
        let _ = self.sender.send(Err(CommitError::Refused(refusal)));
    }

    fn apply(&mut self, tables: &mut dyn Write) -> Result<(), Stop> {
        let mut tables = Counted::of(tables);
        let applied = self.change.apply(&mut tables);
        self.outcome = Some(match applied {
            Ok(outcome) => Ok(outcome),
            Err(ApplyError::Refused(refusal)) => Err(refusal),
            Err(ApplyError::Stopped(stop)) => return Err(stop),
        });
        self.rows_read.add(tables.rows());
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

/// Receives the notifications of each durable change.
pub(in crate::store) type Notify = Box<dyn Fn(Notification) + Send + Sync>;

/// Sends the notifications and then the outcomes of a durable batch.
pub(in crate::store) fn answer(jobs: Vec<Box<dyn Job>>, notify: &OnceLock<Notify>) {
    if let Some(notify) = notify.get() {
        jobs.iter().flat_map(|job| job.notifications()).for_each(notify);
    }
    jobs.into_iter().for_each(Job::committed);
}

/// Sends an error: nothing was changed.
pub(in crate::store) fn fail(jobs: Vec<Box<dyn Job>>, error: &Arc<StoreError>) {
    jobs.into_iter().for_each(|job| job.failed(Arc::clone(error)));
}
