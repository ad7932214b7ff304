//! How long to wait before a lost link is tried again: soon at first, then less often.

use std::time::{Duration, Instant};

/// The first pause is at most this long; each later one at most twice as long as the one before, up to
/// the last.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long a try may take: short at first, since the next one finds a server that has just come back
/// sooner than an old one does; longer each time, since a path may be slow.
const TRY_FIRST: Duration = Duration::from_secs(2);
const TRY_MAX: Duration = Duration::from_secs(10);

/// A failure so long ago counts no more. That a link was there in between says nothing: a server may let
/// everybody in, and break off at once.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);

/// The tries that failed lately: how long the next one is waited for, and when it is made.
///
/// The first try may take 2 s, and each later one twice as long as the one before, up to 10 s. The pause
/// after the first is at most 0.2 s, and grows in the same way up to 5 s. When 10 s have passed between two
/// failures, the second one is a first one again.
#[derive(Debug, Clone, Default)]
pub struct Backoff {
    failed: u32,
    last: Option<Instant>,
}

impl Backoff {
    /// Something was done in the end.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// A try was made in vain.
    pub fn failed(&mut self) {
        self.failed_at(Instant::now());
    }

    fn failed_at(&mut self, now: Instant) {
        let last = self.last.replace(now);
        let is_forgotten = last.is_some_and(|last| now - last > FORGOTTEN_AFTER);
        self.failed = if is_forgotten { 1 } else { self.failed.saturating_add(1) };
    }

    /// How long the next try may take.
    pub fn patience(&self) -> Duration {
        doubled(TRY_FIRST, self.failed).min(TRY_MAX)
    }

    /// How long to wait before the next try; nothing before the first. Full jitter: a restarted server
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
mod tests {
    use super::*;

    #[test]
    fn pauses_and_tries_grow_and_are_bounded() {
        let mut backoff = Backoff::default();
        let pause = |backoff: &mut Backoff| {
            backoff.failed();
            backoff.pause()
        };
        assert_eq!((backoff.patience(), backoff.pause()), (TRY_FIRST, Duration::ZERO));
        assert!(pause(&mut backoff) <= PAUSE_FIRST);
        assert!((0..40).map(|_| pause(&mut backoff)).all(|pause| pause <= PAUSE_MAX));
        assert_eq!(backoff.patience(), TRY_MAX);
        backoff.reset();
        assert_eq!((backoff.patience(), backoff.pause()), (TRY_FIRST, Duration::ZERO));
    }

    #[test]
    fn a_failure_counts_until_ten_seconds_have_passed_without_another() {
        let (mut backoff, mut now) = (Backoff::default(), Instant::now());
        for _ in 0..5 {
            backoff.failed_at(now);
            now += FORGOTTEN_AFTER;
        }
        assert_eq!(backoff.failed, 5);
        backoff.failed_at(now + Duration::from_secs(1));
        assert_eq!(backoff.failed, 1);
    }
}
