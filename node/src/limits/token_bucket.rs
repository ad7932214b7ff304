//! A token bucket: it earns tokens at a steady rate, and keeps a bounded number for bursts.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::{Instant, sleep};

/// Tokens earned in a second, and the most that a bucket keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(super) per_second: NonZeroU32,
    pub(super) burst: NonZeroU32,
}

/// A bucket of tokens. The lock is fair: callers get their tokens in the order in which they asked, so small
/// requests cannot starve a large one.
#[derive(Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    /// The time at which the bucket is full (the "theoretical arrival time" of the generic cell rate algorithm).
    full_at: Mutex<Instant>,
}

impl Rate {
    /// The time in which so many tokens are earned.
    fn time_of(self, tokens: u32) -> Duration {
        Duration::from_secs(tokens.into()) / self.per_second.get()
    }

    /// The wait until a bucket that is full at `full_at` has so many tokens, and the time at which it is full
    /// again after they are taken.
    fn take(self, tokens: u32, full_at: Instant, now: Instant) -> (Duration, Instant) {
        let burst = self.burst.get();
        let until_full = full_at.saturating_duration_since(now) + self.time_of(tokens.min(burst));
        (until_full.saturating_sub(self.time_of(burst)), now + until_full)
    }
}

impl TokenBucket {
    /// A full bucket.
    pub(super) fn of(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::new(Instant::now()) }
    }

    /// Waits until the bucket has so many tokens, and takes them. A request for more tokens than the bucket can
    /// hold empties a full bucket.
    ///
    /// # Cancel safety
    /// Cancel safe: no token is taken, and the caller's position in the queue is lost.
    pub(crate) async fn acquire(&self, tokens: u32) {
        if tokens == 0 {
            return;
        }
        let mut full_at = self.full_at.lock().await;
        let (wait, full_after) = self.rate.take(tokens, *full_at, Instant::now());
        if !wait.is_zero() {
            sleep(wait).await;
        }
        *full_at = full_after;
    }

    /// Takes so many tokens, also if they are more than the bucket can hold.
    ///
    /// # Cancel safety
    /// Not cancel safe: some of the tokens may have been taken.
    pub(crate) async fn acquire_all(&self, mut tokens: u32) {
        while tokens > 0 {
            let part = tokens.min(self.rate.burst.get());
            self.acquire(part).await;
            tokens -= part;
        }
    }

    /// Whether the bucket is as full as a new one.
    pub(super) fn is_full(&self) -> bool {
        self.full_at.try_lock().is_ok_and(|full_at| *full_at <= Instant::now())
    }

    /// Makes the bucket full at a given time.
    #[cfg(test)]
    pub(super) async fn set_full_at(&self, time: Instant) {
        *self.full_at.lock().await = time;
    }
}

#[cfg(test)]
mod tests;
