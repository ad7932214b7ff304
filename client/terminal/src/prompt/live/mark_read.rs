//! Marks messages as read that were printed above the prompt.

use std::collections::HashMap;
use std::future::pending;

use qchat_client::{CallError, Client, Refusal, UserName};
use qchat_proto::Message;
use qchat_proto::command::Log;
use tokio::task::JoinHandle;

use crate::outcome::ReceivedMessage;

/// The printed messages, and the task that marks some of them.
#[derive(Debug, Default)]
pub(super) struct ReadMarker {
    /// As long as marking fails, the server reports no new messages. So this stays as small as the queue of
    /// notices.
    unmarked: Vec<ReceivedMessage>,
    /// Returns the messages that it could not mark.
    task: Option<JoinHandle<Vec<ReceivedMessage>>>,
}

impl ReadMarker {
    pub(super) fn add(&mut self, shown: impl IntoIterator<Item = ReceivedMessage>) {
        self.unmarked.extend(shown);
    }

    pub(super) fn clear(&mut self) {
        self.unmarked.clear();
    }

    /// Begins to mark the messages of the signed-in user, unless a task runs.
    pub(super) fn start(&mut self, signed_in: Option<(Client, UserName)>) {
        let Some((client, user)) = signed_in.filter(|_| self.task.is_none()) else { return };
        self.unmarked.retain(|message| message.reader == user);
        if !self.unmarked.is_empty() {
            let messages = std::mem::take(&mut self.unmarked);
            self.task = Some(tokio::spawn(mark_read(client, messages)));
        }
    }

    /// Waits for the end of the task, for ever if none runs. Messages that it could not mark are marked with
    /// the next ones.
    ///
    /// # Cancel safety
    /// Cancel safe: the task goes on.
    pub(super) async fn ended(&mut self) {
        let Some(task) = &mut self.task else { return pending().await };
        let left = task.await;
        self.task = None;
        self.unmarked.extend(left.unwrap_or_default());
    }

    /// Marks all messages.
    pub(super) async fn finish(&mut self, signed_in: Option<(Client, UserName)>) {
        if self.task.is_some() {
            self.ended().await;
        }
        self.start(signed_in);
        if self.task.is_some() {
            self.ended().await;
        }
    }
}

/// Marks messages as read. Returns them if the connection was lost.
async fn mark_read(client: Client, messages: Vec<ReceivedMessage>) -> Vec<ReceivedMessage> {
    let mut logs: HashMap<Log, Vec<Message>> = HashMap::new();
    for received in &messages {
        logs.entry(received.log.clone()).or_default().push(received.message.clone());
    }
    for (log, marked) in logs {
        match client.mark_read(log, &marked).await {
            Err(CallError::Refused(Refusal::ShuttingDown)) => return messages,
            Ok(()) | Err(CallError::Refused(_)) => {}
            // Marking a message twice does no harm.
            Err(_) => return messages,
        }
    }
    Vec::new()
}
