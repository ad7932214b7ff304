//! A client that is told each message as it comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use qchat_client::{Beginning, Client, Cursors, Follower, Reconnect};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::checker::Entry;
use crate::harness::in_time;

/// Follows the mailbox and the groups of a user.
pub(crate) struct Watcher {
    user: String,
    told: Arc<Told>,
    task: JoinHandle<()>,
}

struct Told {
    /// The numbers of each log, in the order in which they were told.
    numbers: Mutex<BTreeMap<String, Vec<u64>>>,
    count: watch::Sender<usize>,
}

impl Watcher {
    pub(crate) fn start(user: &str, client: Client, session: Reconnect) -> Self {
        let cursors = Cursors::Given(Vec::new());
        let follower = Follower::start(client, session, cursors, Beginning::OldestUnread);
        let told = Told { numbers: Mutex::default(), count: watch::Sender::new(0) };
        let told = Arc::new(told);
        let task = tokio::spawn(listen(follower, Arc::clone(&told)));
        Self { user: user.to_owned(), told, task }
    }

    /// Waits until it was told as many messages as these logs have. Returns a sentence for each log that was told
    /// otherwise than it is stored.
    pub(crate) async fn violations(self, logs: &BTreeMap<String, Vec<Entry>>) -> Vec<String> {
        let own = format!("@{}", self.user);
        let logs: Vec<_> =
            logs.iter().filter(|(log, _)| log.starts_with('+') || **log == own).collect();
        let stored: usize = logs.iter().map(|(_, entries)| entries.len()).sum();
        in_time(self.told.count.subscribe().wait_for(|count| *count >= stored)).await.unwrap();
        self.task.abort();
        let told = self.told.numbers.lock().unwrap();
        let differs = |log: &String, entries: &[Entry]| {
            let told = told.get(log).map(Vec::as_slice).unwrap_or_default();
            !told.iter().eq(entries.iter().map(|entry| &entry.sequence))
        };
        let differing = logs.into_iter().filter(|(log, entries)| differs(log, entries));
        differing.map(|(log, _)| format!("{} was told otherwise: {log}", self.user)).collect()
    }
}

async fn listen(follower: Follower, told: Arc<Told>) {
    loop {
        let message = follower.next().await.unwrap();
        let id = message.id.to_string();
        let (log, _) = id.rsplit_once(':').unwrap();
        let number = message.id.sequence.0;
        told.numbers.lock().unwrap().entry(log.to_owned()).or_default().push(number);
        told.count.send_modify(|count| *count += 1);
        follower.acknowledge(&message.id);
    }
}
