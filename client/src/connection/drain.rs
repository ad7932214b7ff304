//! The knowledge that the server of a connection shuts down.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;

/// How long answers are waited for after that. The server answers commands that it has begun, and may never begin one
/// that it was sent a moment ago, while it waits for a file.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(1);

/// Whether the server of a connection has said that it shuts down. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Drain {
    begun: Arc<watch::Sender<bool>>,
    has_others: bool,
}

impl Drain {
    /// Of a server that works. `has_others` says whether it may have other machines.
    pub(crate) fn new(has_others: bool) -> Self {
        Self { begun: Arc::new(watch::Sender::new(false)), has_others }
    }

    /// Notes that the server shuts down.
    pub(crate) fn begin(&self) {
        self.begun.send_replace(true);
    }

    /// Whether the server shuts down.
    pub(crate) fn is_begun(&self) -> bool {
        *self.begun.borrow()
    }

    /// Waits until an answer is better asked for at another machine, for ever if there is none.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn answers_are_over(&self) {
        // Fails only if the sender is gone, which is a field of this value.
        if !self.has_others || self.begun.subscribe().wait_for(|begun| *begun).await.is_err() {
            return pending().await;
        }
        sleep(LAST_ANSWERS_MAX).await;
    }
}
