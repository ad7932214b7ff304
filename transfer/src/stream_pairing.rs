//! Pairs the stream of a file with its command. QUIC keeps no order between streams, so either may come first.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qchat_proto::TransferId;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

use crate::lock::lock;

type Expected<S> = Arc<Mutex<HashMap<TransferId, oneshot::Sender<S>>>>;

/// The transfers of one connection that wait for their streams. Their number is bounded by the number of commands
/// that the connection may have under way.
#[derive(Debug)]
pub struct StreamPairing<S> {
    waiting: Expected<S>,
    /// Notified when a transfer begins to wait.
    waiting_began: Notify,
}

/// A transfer that waits for its stream. Dropping this ends the waiting.
#[derive(Debug)]
pub struct ExpectedStream<S> {
    waiting: Expected<S>,
    transfer: TransferId,
    stream: oneshot::Receiver<S>,
}

impl<S> Default for StreamPairing<S> {
    fn default() -> Self {
        Self { waiting: Arc::default(), waiting_began: Notify::new() }
    }
}

impl<S> StreamPairing<S> {
    /// Begins to wait for the stream of `transfer`. `None` if the peer has chosen the same number twice, and the other
    /// transfer still waits.
    pub fn expect(&self, transfer: TransferId) -> Option<ExpectedStream<S>> {
        let mut waiting = lock(&self.waiting);
        if waiting.contains_key(&transfer) {
            return None;
        }
        let (sender, stream) = oneshot::channel();
        waiting.insert(transfer, sender);
        self.waiting_began.notify_waiters();
        Some(ExpectedStream { waiting: Arc::clone(&self.waiting), transfer, stream })
    }

    /// Hands a stream to the command that waits for it, or that begins to wait within `patience`.
    ///
    /// # Errors
    /// Returns the stream if no command waits for it.
    ///
    /// # Cancel safety
    /// Not cancel safe: the stream is lost.
    pub async fn deliver_within(
        &self,
        patience: Duration,
        transfer: TransferId,
        mut stream: S,
    ) -> Result<(), S> {
        let deadline = Instant::now() + patience;
        loop {
            let mut waiting_began = pin!(self.waiting_began.notified());
            waiting_began.as_mut().enable();
            stream = match self.deliver(transfer, stream) {
                Ok(()) => return Ok(()),
                Err(stream) => stream,
            };
            if timeout_at(deadline, waiting_began).await.is_err() {
                return Err(stream);
            }
        }
    }

    /// Hands a stream to the command that waits for it now.
    ///
    /// # Errors
    /// Returns the stream if no command waits for it.
    pub fn deliver(&self, transfer: TransferId, stream: S) -> Result<(), S> {
        let mut waiting = lock(&self.waiting);
        match waiting.remove(&transfer) {
            Some(waiting) => waiting.send(stream),
            None => Err(stream),
        }
    }
}

impl<S> ExpectedStream<S> {
    /// The stream, once it has come; `None` if the connection is closed. The caller sets the deadline.
    ///
    /// # Cancel safety
    /// Cancel safe: only the call that returns the stream takes it.
    pub async fn stream(&mut self) -> Option<S> {
        (&mut self.stream).await.ok()
    }
}

impl<S> Drop for ExpectedStream<S> {
    fn drop(&mut self) {
        let mut waiting = lock(&self.waiting);
        waiting.remove(&self.transfer);
    }
}

#[cfg(test)]
mod tests;
