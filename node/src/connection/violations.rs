//! How much nonsense a connection may send before it is closed.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

/// How many offences within a minute are the end of a connection. A client of ours commits none, whatever
/// its network does; one of a later version may ask for commands that we do not know.
const OFFENCES_MAX: u32 = 32;

/// How long an offence is held against a connection.
const MEMORY: Duration = Duration::from_secs(60);

/// The offences of one connection.
#[derive(Debug, Default)]
pub(crate) struct Violations {
    minute: Mutex<Option<Window>>,
    too_much: CancellationToken,
}

#[derive(Debug)]
struct Window {
    begun: Instant,
    violations: u32,
}

/// Which one of a minute an offence was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Violation {
    /// The first: it is worth a word in the log.
    First,
    /// Another one.
    Repeated,
}

impl Violations {
    /// Notes an offence.
    pub(crate) fn note(&self) -> Violation {
        self.note_at(Instant::now())
    }

    fn note_at(&self, now: Instant) -> Violation {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = minute.take().filter(|minute| now.duration_since(minute.begun) < MEMORY);
        let mut current = fresh.unwrap_or(Window { begun: now, violations: 0 });
        current.violations += 1;
        let violations = minute.insert(current).violations;
        if violations >= OFFENCES_MAX {
            self.too_much.cancel();
        }
        if violations == 1 { Violation::First } else { Violation::Repeated }
    }

    /// Waits until it is too much.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn is_too_much(&self) {
        self.too_much.cancelled().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offences_are_counted_by_the_minute() {
        let (violations, begun) = (Violations::default(), Instant::now());
        for minute in 0..3 {
            let now = begun + minute * MEMORY;
            for violation in 1..OFFENCES_MAX {
                let expected = if violation == 1 { Violation::First } else { Violation::Repeated };
                assert_eq!(violations.note_at(now), expected);
            }
            assert!(!violations.too_much.is_cancelled());
        }
        violations.note_at(begun + 2 * MEMORY + MEMORY / 2);
        assert!(violations.too_much.is_cancelled());
    }
}
