//! Finds the command that a file's stream belongs to.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use qchat_proto::TransferId;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout_at};

type Places<S> = Arc<Mutex<HashMap<TransferId, oneshot::Sender<S>>>>;

/// The transfers of one connection that wait for their stream. Bounded by the number of commands that
/// the connection may have under way.
#[derive(Debug)]
pub struct StreamPairing<S> {
    places: Places<S>,
    /// Told when a transfer begins to wait.
    expected: Notify,
}

/// A transfer that waits for its stream. Dropping it ends the waiting.
#[derive(Debug)]
pub struct ExpectedStream<S> {
    places: Places<S>,
    transfer: TransferId,
    stream: oneshot::Receiver<S>,
}

impl<S> Default for StreamPairing<S> {
    fn default() -> Self {
        Self { places: Arc::default(), expected: Notify::new() }
    }
}

impl<S> StreamPairing<S> {
    /// Makes a place for the stream of `transfer`, or `None` where one waits already: the peer chose
    /// the same number twice.
    pub fn expect(&self, transfer: TransferId) -> Option<ExpectedStream<S>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if places.contains_key(&transfer) {
            return None;
        }
        let (place, stream) = oneshot::channel();
        places.insert(transfer, place);
        self.expected.notify_waiters();
        Some(ExpectedStream { places: Arc::clone(&self.places), transfer, stream })
    }

    /// Hands a stream to the command that waits for it, or begins to wait within `patience`: no order holds
    /// between streams, so the command may come later.
    ///
    /// # Errors
    /// The stream itself: no command waits for it.
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
            let mut expected = pin!(self.expected.notified());
            expected.as_mut().enable();
            stream = match self.deliver(transfer, stream) {
                Ok(()) => return Ok(()),
                Err(stream) => stream,
            };
            if timeout_at(deadline, expected).await.is_err() {
                return Err(stream);
            }
        }
    }

    /// Hands a stream to the command that waits for it, or back where none does.
    ///
    /// # Errors
    /// The stream itself: nobody waits for it.
    pub fn deliver(&self, transfer: TransferId, stream: S) -> Result<(), S> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        match places.remove(&transfer) {
            Some(place) => place.send(stream),
            None => Err(stream),
        }
    }
}

impl<S> ExpectedStream<S> {
    /// The stream, once it has come; `None` where the connection is gone. The caller sets the deadline.
    ///
    /// # Cancel safety
    /// Cancel safe: the stream is handed over once, by the call that returns it.
    pub async fn stream(&mut self) -> Option<S> {
        (&mut self.stream).await.ok()
    }
}

impl<S> Drop for ExpectedStream<S> {
    fn drop(&mut self) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.remove(&self.transfer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stream_finds_its_command_and_no_other() {
        let pairing = StreamPairing::default();
        let mut waiting = pairing.expect(TransferId(1)).unwrap();
        assert!(pairing.expect(TransferId(1)).is_none());
        assert_eq!(pairing.deliver(TransferId(2), "two"), Err("two"));
        assert_eq!(pairing.deliver(TransferId(1), "one"), Ok(()));
        assert_eq!(waiting.stream().await, Some("one"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_may_come_before_its_command() {
        let pairing = StreamPairing::default();
        let patience = Duration::from_secs(5);
        let expecting = async {
            drop(pairing.expect(TransferId(1)));
            pairing.expect(TransferId(2)).unwrap().stream().await
        };
        let (delivered, stream) =
            tokio::join!(pairing.deliver_within(patience, TransferId(2), "two"), expecting);
        assert_eq!((delivered, stream), (Ok(()), Some("two")));
        assert_eq!(pairing.deliver_within(patience, TransferId(3), "three").await, Err("three"));
    }

    #[test]
    fn who_stops_waiting_leaves_no_place_behind() {
        let pairing = StreamPairing::default();
        drop(pairing.expect(TransferId(1)));
        assert_eq!(pairing.deliver(TransferId(1), ()), Err(()));
    }
}
