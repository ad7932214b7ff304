//! Receipts of the messages that were sent from this prompt.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qchat_client::{Client, UserName};
use qchat_proto::{Address, MessageId, Stage};
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::lock::lock;
use crate::outcome::Notice;
use crate::prompt::notices::NoticeQueue;

/// How many messages are tracked. Older ones get no notices any more.
const TRACKED_MAX: usize = 32;

/// How long the notice of a delivery waits: a message that is delivered to a prompt is often read right after.
const SETTLE: Duration = Duration::from_millis(500);

/// Tracks the last messages that were sent.
#[derive(Debug, Default)]
pub(super) struct ReceiptTracker {
    tracked: VecDeque<TrackedMessage>,
}

#[derive(Debug)]
struct TrackedMessage {
    id: MessageId,
    announced: Arc<Mutex<Stage>>,
    task: Option<AbortHandle>,
}

impl ReceiptTracker {
    /// Begins to track a message. A note to oneself needs no receipt.
    pub(super) fn add(
        &mut self,
        id: MessageId,
        on: Option<(Client, UserName)>,
        notices: &Arc<NoticeQueue>,
    ) {
        let Some((client, user)) = on else { return };
        if id.log == Address::User(user) {
            return;
        }
        while self.tracked.len() >= TRACKED_MAX {
            self.tracked.pop_front();
        }
        let mut tracked =
            TrackedMessage { id, announced: Arc::new(Mutex::new(Stage::Stored)), task: None };
        tracked.follow(client, notices);
        self.tracked.push_back(tracked);
    }

    /// Goes on tracking on a new connection.
    pub(super) fn follow_on(&mut self, client: &Client, notices: &Arc<NoticeQueue>) {
        self.tracked.retain(|tracked| tracked.announced() < Stage::Read);
        for tracked in &mut self.tracked {
            tracked.follow(client.clone(), notices);
        }
    }

    /// Stops tracking.
    pub(super) fn clear(&mut self) {
        self.tracked.clear();
    }
}

impl TrackedMessage {
    fn announced(&self) -> Stage {
        *lock(&self.announced)
    }

    fn follow(&mut self, client: Client, notices: &Arc<NoticeQueue>) {
        let (id, announced, notices) =
            (self.id.clone(), Arc::clone(&self.announced), Arc::clone(notices));
        let task = tokio::spawn(async move {
            let (stages, coming) = watch::channel(Stage::Stored);
            tokio::join!(
                read(client, id.clone(), stages),
                announce(coming, id, &announced, &notices)
            );
        });
        if let Some(earlier) = self.task.replace(task.abort_handle()) {
            earlier.abort();
        }
    }
}

impl Drop for TrackedMessage {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Reads receipts until the message is read, or the connection is lost.
async fn read(client: Client, id: MessageId, stages: watch::Sender<Stage>) {
    let Ok(mut tracking) = client.track(id).await else { return };
    // This handle must not keep the connection open after the executor has dropped it.
    drop(client);
    while let Ok(receipt) = tracking.next().await {
        // A group without other members has no readers.
        if receipt.receivers > 0 {
            stages.send_replace(receipt.stage());
        }
        if receipt.stage() == Stage::Read {
            return;
        }
    }
}

/// Posts a notice of each stage, once, if the message stays there for a moment.
async fn announce(
    mut coming: watch::Receiver<Stage>,
    id: MessageId,
    announced: &Mutex<Stage>,
    notices: &NoticeQueue,
) {
    while coming.changed().await.is_ok() {
        if *coming.borrow_and_update() == Stage::Delivered {
            sleep(SETTLE).await;
        }
        let stage = *coming.borrow_and_update();
        let mut announced = lock(announced);
        if stage > *announced {
            *announced = stage;
            notices.post(Notice::Receipt { stage, messages: vec![id.clone()] });
        }
    }
}
