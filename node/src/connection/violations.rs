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
pub(crate) struct Misconduct {
    minute: Mutex<Option<Minute>>,
    too_much: CancellationToken,
}

#[derive(Debug)]
struct Minute {
    begun: Instant,
    offences: u32,
}

/// Which one of a minute an offence was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offence {
    /// The first: it is worth a word in the log.
    First,
    /// Another one.
    Repeated,
}

impl Misconduct {
    /// Notes an offence.
    pub(crate) fn note(&self) -> Offence {
        self.note_at(Instant::now())
    }

    fn note_at(&self, now: Instant) -> Offence {
        let mut minute = self.minute.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = minute.take().filter(|minute| now.duration_since(minute.begun) < MEMORY);
        let mut current = fresh.unwrap_or(Minute { begun: now, offences: 0 });
        current.offences += 1;
        let offences = minute.insert(current).offences;
        if offences >= OFFENCES_MAX {
            self.too_much.cancel();
        }
        if offences == 1 { Offence::First } else { Offence::Repeated }
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
        let (misconduct, begun) = (Misconduct::default(), Instant::now());
        for minute in 0..3 {
            let now = begun + minute * MEMORY;
            for offence in 1..OFFENCES_MAX {
                let expected = if offence == 1 { Offence::First } else { Offence::Repeated };
                assert_eq!(misconduct.note_at(now), expected);
            }
            assert!(!misconduct.too_much.is_cancelled());
        }
        misconduct.note_at(begun + 2 * MEMORY + MEMORY / 2);
        assert!(misconduct.too_much.is_cancelled());
    }
}
