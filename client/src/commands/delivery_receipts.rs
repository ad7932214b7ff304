//! Reports to the server which messages have reached this device, so that their senders can see it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use qchat_proto::command::{Log, MarkDelivered, SequenceRange};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{BoundedVec, Sequence};
use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::connection::Connection;
use crate::lock::lock;

/// Messages that have come and are not reported yet. They gather here while a report is under way.
#[derive(Debug, Default)]
struct Unreported {
    logs: Mutex<HashMap<Log, Vec<SequenceRange>>>,
    added: Notify,
}

/// Reports the messages that come on one connection. Dropping it ends the reports: a message that is not
/// reported by then counts as delivered once it is read.
#[derive(Debug)]
pub(crate) struct DeliveryReceipts {
    unreported: Arc<Unreported>,
    task: AbortHandle,
}

impl DeliveryReceipts {
    /// Reports to the server of `connection`, for as long as somebody else holds the connection. Must be
    /// called within a tokio runtime.
    pub(crate) fn start(connection: &Arc<Connection>) -> Self {
        let unreported = Arc::<Unreported>::default();
        let task = tokio::spawn(report(Arc::downgrade(connection), Arc::clone(&unreported)));
        Self { unreported, task: task.abort_handle() }
    }

    /// Notes that the message with this number in a log is here.
    pub(crate) fn note(&self, log: &Log, sequence: Sequence) {
        self.unreported.add(log, sequence);
        self.unreported.added.notify_one();
    }
}

impl Drop for DeliveryReceipts {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Unreported {
    /// Adds a message. The messages of a log come in order, so ranges grow at their ends. A message that
    /// would need more ranges than one request takes is left out.
    fn add(&self, log: &Log, sequence: Sequence) {
        let mut logs = lock(&self.logs);
        let ranges = logs.entry(log.clone()).or_default();
        let has_room = ranges.len() < READ_RANGES_MAX;
        match ranges.last_mut() {
            Some(range) if sequence == range.last.next() => range.last = sequence,
            _ if has_room => ranges.push(SequenceRange { first: sequence, last: sequence }),
            _ => {}
        }
    }

    fn take(&self) -> HashMap<Log, Vec<SequenceRange>> {
        std::mem::take(&mut *lock(&self.logs))
    }
}

/// Reports until the connection is dropped. A failed report is not repeated: reading a message says the same.
async fn report(connection: Weak<Connection>, unreported: Arc<Unreported>) {
    loop {
        unreported.added.notified().await;
        for (log, ranges) in unreported.take() {
            let Some(connection) = connection.upgrade() else { return };
            let ranges = BoundedVec::first_of(ranges);
            let _ = connection.ask(MarkDelivered { log, ranges }).await;
        }
    }
}

#[cfg(test)]
mod tests;
