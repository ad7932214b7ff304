//! How long to wait before a lost link is tried again: soon at first, then less often.

use std::time::Duration;

/// The first pause is at most this long; each later one at most twice as long as the one before, up to
/// the last.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// How long a try may take: short at first, since the next one finds a server that has just come back
/// sooner than an old one does; longer each time, since a path may be slow.
const TRY_FIRST: Duration = Duration::from_secs(2);
const TRY_MAX: Duration = Duration::from_secs(10);

/// The tries since the link was last there.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    tries: u32,
}

impl Backoff {
    /// The link is there.
    pub(crate) fn reset(&mut self) {
        self.tries = 0;
    }

    /// How long the next try may take.
    pub(crate) fn patience(&self) -> Duration {
        self.doubled(TRY_FIRST).min(TRY_MAX)
    }

    /// How long to wait after a try that failed. Full jitter: a restarted server is not met by all its
    /// clients at once.
    pub(crate) fn pause(&mut self) -> Duration {
        let ceiling = self.doubled(PAUSE_FIRST).min(PAUSE_MAX);
        self.tries = self.tries.saturating_add(1);
        let random = getrandom::u32().unwrap_or(u32::MAX);
        ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
    }

    fn doubled(&self, first: Duration) -> Duration {
        first.saturating_mul(1 << self.tries.min(8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_and_tries_grow_and_are_bounded() {
        let mut backoff = Backoff::default();
        assert_eq!(backoff.patience(), TRY_FIRST);
        assert!(backoff.pause() <= PAUSE_FIRST);
        assert!((0..40).map(|_| backoff.pause()).all(|pause| pause <= PAUSE_MAX));
        assert_eq!(backoff.patience(), TRY_MAX);
        backoff.reset();
        assert_eq!(backoff.patience(), TRY_FIRST);
    }
}
