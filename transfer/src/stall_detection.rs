//! How slow a peer may be: a byte now and then must not hold up a file, its reader and its place for ever.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// By this time of waiting for the peer is its pace judged.
const WINDOW: Duration = Duration::from_secs(60);

/// What must have moved by then: 256 bytes a second on the average. The worst networks that people use
/// are several times as fast, and a dead one moves nothing.
const BYTES_MIN: usize = 60 * 256;

/// The peer is too slow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled;

/// How fast a peer has been. Only the time counts in which we waited for it: our own disk may be slower.
#[derive(Debug, Default)]
pub(crate) struct StallDetector {
    waited: Duration,
    bytes: usize,
}

impl StallDetector {
    /// Waits for some bytes to move, for which nothing may be lost if the waiting is broken off and begun
    /// again.
    ///
    /// # Cancel safety
    /// As what is waited for.
    pub(crate) async fn bytes(
        &mut self,
        moving: impl Future<Output = io::Result<usize>>,
    ) -> Result<io::Result<usize>, Stalled> {
        let mut moving = std::pin::pin!(moving);
        loop {
            let begun = Instant::now();
            let moved = timeout(WINDOW.saturating_sub(self.waited), &mut moving).await;
            let bytes = moved.as_ref().map_or(0, |moved| *moved.as_ref().unwrap_or(&0));
            self.note(begun.elapsed(), bytes)?;
            if let Ok(moved) = moved {
                return Ok(moved);
            }
        }
    }

    /// Notes what has moved, and for how long we waited for it.
    fn note(&mut self, waited: Duration, bytes: usize) -> Result<(), Stalled> {
        self.waited = self.waited.saturating_add(waited);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.waited < WINDOW {
            return Ok(());
        }
        let Self { bytes, .. } = std::mem::take(self);
        if bytes >= BYTES_MIN { Ok(()) } else { Err(Stalled) }
    }
}

/// Waits for something small, which has to come, or to be taken, within the time of a judgement.
///
/// # Cancel safety
/// As what is waited for.
pub(crate) async fn whole<T>(coming: impl Future<Output = T>) -> Result<T, Stalled> {
    timeout(WINDOW, coming).await.map_err(|_| Stalled)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A peer that moves so many bytes at a time, for which we wait so long; how long it is borne, up to
    /// an hour.
    fn borne(bytes: usize, waited: Duration) -> Duration {
        let (mut pace, mut whole) = (StallDetector::default(), Duration::ZERO);
        while whole < Duration::from_secs(3600) && pace.note(waited, bytes) == Ok(()) {
            whole += waited;
        }
        whole
    }

    #[test]
    fn a_byte_now_and_then_is_too_little() {
        let second = Duration::from_secs(1);
        for (bytes, waited) in [(1, second), (250, second), (0, WINDOW), (10_000, WINDOW)] {
            assert!(borne(bytes, waited) < WINDOW, "{bytes} in {waited:?}");
        }
    }

    #[test]
    fn a_slow_peer_is_waited_for() {
        let second = Duration::from_secs(1);
        for (bytes, waited) in [(256, second), (15_360, WINDOW), (1, second / 1000)] {
            assert!(borne(bytes, waited) >= 60 * WINDOW, "{bytes} in {waited:?}");
        }
    }
}
