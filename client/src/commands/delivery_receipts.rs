//! Tells the server which messages have reached this device, so that their senders can know.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use qchat_proto::command::{Log, MarkDelivered, SequenceRange};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{BoundedVec, Sequence};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::connection::Link;

/// What has come and was not told yet. While one telling is under way, what comes meanwhile gathers for
/// the next.
#[derive(Debug, Default)]
struct Untold {
    logs: Mutex<HashMap<Log, Vec<SequenceRange>>>,
    more: Notify,
}

/// Notes what has come on one connection. Dropping it ends the telling: what is not told by then counts
/// as delivered once it is read.
#[derive(Debug)]
pub(crate) struct Deliveries {
    untold: Arc<Untold>,
    task: AbortHandle,
}

impl Deliveries {
    /// Tells the server at the other end of `link`, for as long as somebody else holds that. Must be
    /// called within a tokio runtime.
    pub(crate) fn on(link: &Arc<Link>) -> Self {
        let untold = Arc::<Untold>::default();
        let task = tokio::spawn(tell(Arc::downgrade(link), Arc::clone(&untold)));
        Self { untold, task: task.abort_handle() }
    }

    /// Notes that the message in this place of a log is here.
    pub(crate) fn note(&self, log: &Log, place: Sequence) {
        self.untold.add(log, place);
        self.untold.more.notify_one();
    }
}

impl Drop for Deliveries {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Untold {
    /// Adds a place. Places of a log come in order, so that runs grow at their ends; what would need
    /// more runs than one request takes is left out.
    fn add(&self, log: &Log, place: Sequence) {
        let mut logs = self.logs.lock().unwrap_or_else(PoisonError::into_inner);
        let runs = logs.entry(log.clone()).or_default();
        let has_room = runs.len() < READ_RANGES_MAX;
        match runs.last_mut() {
            Some(run) if place == run.last.next() => run.last = place,
            _ if has_room => runs.push(SequenceRange { first: place, last: place }),
            _ => {}
        }
    }

    fn take(&self) -> HashMap<Log, Vec<SequenceRange>> {
        std::mem::take(&mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Tells until the link is gone. A failure is not worth a word: reading tells the same.
async fn tell(link: Weak<Link>, untold: Arc<Untold>) {
    loop {
        untold.more.notified().await;
        for (log, ranges) in untold.take() {
            let Some(link) = link.upgrade() else { return };
            let _ = link.ask(MarkDelivered { log, ranges: BoundedVec::first_of(ranges) }).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_come_gathers_in_bounded_runs() {
        let untold = Untold::default();
        for place in [1, 2, 3, 7, 8] {
            untold.add(&Log::Inbox, Sequence(place));
        }
        let runs = |(first, last)| SequenceRange { first: Sequence(first), last: Sequence(last) };
        assert_eq!(
            untold.take(),
            HashMap::from([(Log::Inbox, [(1, 3), (7, 8)].map(runs).to_vec())])
        );
        for place in 0..2 * READ_RANGES_MAX + 2 {
            untold.add(&Log::Inbox, Sequence(2 * u64::try_from(place).unwrap()));
        }
        assert_eq!(untold.take()[&Log::Inbox].len(), READ_RANGES_MAX);
    }
}
