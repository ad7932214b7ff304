//! Protocol violations per minute, after which a connection is closed.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::lock::lock;

/// This many violations in one period close the connection. Our own client commits none on any network. A
/// client of a later version may ask for commands that this server does not know.
const VIOLATIONS_MAX: u32 = 32;

/// The period in which violations are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// The violations of one connection.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    period: Mutex<Option<Period>>,
    too_many: CancellationToken,
}

#[derive(Debug)]
struct Period {
    begun: Instant,
    violations: u32,
}

/// The position of a violation in its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The first, which is logged.
    First,
    /// A later one.
    Repeated,
}

impl Violations {
    /// Counts a violation.
    pub(crate) fn note(&self) -> Violation {
        self.note_at(Instant::now())
    }

    fn note_at(&self, now: Instant) -> Violation {
        let mut period = lock(&self.period);
        let running = period.take().filter(|period| now.duration_since(period.begun) < PERIOD);
        let mut current = running.unwrap_or(Period { begun: now, violations: 0 });
        current.violations += 1;
        let violations = period.insert(current).violations;
        if violations >= VIOLATIONS_MAX {
            self.too_many.cancel();
        }
        if violations == 1 { Violation::First } else { Violation::Repeated }
    }

    /// Waits until there are too many violations.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn too_many(&self) {
        self.too_many.cancelled().await;
    }
}

#[cfg(test)]
mod tests;
