//! The pauses between attempts to connect: short at first, then longer.

use std::time::{Duration, Instant};

/// The first pause is at most this long; each later one at most twice as long as the one before, up to
/// the last.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long an attempt may take. Short at first: after a restart of the server, a new attempt succeeds sooner
/// than one that is under way. Longer each time, since a path may be slow.
const ATTEMPT_FIRST: Duration = Duration::from_secs(2);
const ATTEMPT_MAX: Duration = Duration::from_secs(10);

/// The age after which a failure no longer counts. A connection in between does not count as a success: a
/// server may let everybody in, and break off at once.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// Counts the recent failures. The count sets the pause before the next attempt, and its longest time.
///
/// The first attempt may take 2 s, and each later one twice as long as the one before, up to 10 s. The pause
/// after the first is at most 0.2 s, and grows in the same way up to 5 s. If 10 s pass between two
/// failures, the count begins again.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failed: u32,
    last: Option<Instant>,
}

impl Backoff {
    /// Forgets the failures.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Counts a failure.
    pub fn failed(&mut self) {
        self.failed_at(Instant::now());
    }

    /// The number of recent failures.
    pub(crate) fn failures(&self) -> u32 {
        self.failed
    }

    fn failed_at(&mut self, now: Instant) {
        let last = self.last.replace(now);
        let is_forgotten = last.is_some_and(|last| now - last > FORGOTTEN_AFTER);
        self.failed = if is_forgotten { 1 } else { self.failed.saturating_add(1) };
    }

    /// How long the next attempt may take.
    pub fn patience(&self) -> Duration {
        doubled(ATTEMPT_FIRST, self.failed).min(ATTEMPT_MAX)
    }

    /// The pause before the next attempt; none before the first. Full jitter: a restarted server
    /// is not met by all its clients at once.
    pub fn pause(&self) -> Duration {
        let Some(before) = self.failed.checked_sub(1) else { return Duration::ZERO };
        let ceiling = doubled(PAUSE_FIRST, before).min(PAUSE_MAX);
        let random = getrandom::u32().unwrap_or(u32::MAX);
        ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }
}

fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(8))
}

#[cfg(test)]
mod tests;
