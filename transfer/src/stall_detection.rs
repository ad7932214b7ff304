//! Detects a peer that sends or takes almost nothing. Such a peer must not occupy a transfer forever.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, timeout};

/// A peer is judged each time after we have waited this long for it.
const WINDOW: Duration = Duration::from_secs(60);

/// The number of bytes that must have moved in that time: 256 bytes a second on average. The slowest networks that
/// people use are several times as fast, and a dead network moves nothing.
const BYTES_MIN: usize = 60 * 256;

/// The peer is too slow.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stalled;

/// Measures how fast a peer is. Only the time spent waiting for the peer counts: our own disk may be slower.
#[derive(Debug, Default)]
pub(crate) struct StallDetector {
    waited: Duration,
    bytes: usize,
}

impl StallDetector {
    /// Waits until `moving` has moved some bytes, and counts them.
    ///
    /// # Cancel safety
    /// As cancel safe as `moving`.
    pub(crate) async fn watch(
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

    /// Counts bytes that have moved, and the time that we waited for them.
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

/// Waits for `coming`, which moves only a few bytes and so has to end within one period of judgement.
///
/// # Cancel safety
/// As cancel safe as `coming`.
pub(crate) async fn watch_short<T>(coming: impl Future<Output = T>) -> Result<T, Stalled> {
    timeout(WINDOW, coming).await.map_err(|_| Stalled)
}

#[cfg(test)]
mod tests;
