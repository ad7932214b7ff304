//! The pauses between attempts to connect: short at first, then longer.

use std::time::Duration;

/// The first pause; each later one is twice as long, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Counts the failures since the last success.
#[derive(Debug, Default)]
pub(in crate::store::postgres) struct Pauses {
    failures: u32,
}

impl Pauses {
    /// The pause before the next attempt. Few servers use a database, so they need no jitter.
    pub(in crate::store::postgres) fn next(&mut self) -> Duration {
        let pause = PAUSE_FIRST.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        pause.min(PAUSE_MAX)
    }
}
