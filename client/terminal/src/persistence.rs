//! How a line goes on trying when its link is lost: soon at first, then less often, up to a limit.

use std::time::{Duration, Instant};

use crate::failure::Failure;

/// The pause before the first new try is at most this long; each later one at most twice as long as
/// the one before, up to the last.
const PAUSE_FIRST: Duration = Duration::from_millis(200);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A line that was tried and met no server, or lost the one it had.
#[derive(Debug)]
pub(crate) struct Persistence {
    patience: Duration,
    lost: Option<Instant>,
    tries: u32,
    /// Told in the end, where one of the tries may have had its effect.
    unknown: Option<Failure>,
}

impl Persistence {
    /// Goes on for `patience` from the first loss on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, lost: None, tries: 0, unknown: None }
    }

    /// How long to wait before the next try.
    ///
    /// # Errors
    /// What to tell where patience has ended: the outcome is unknown if that of any try is.
    pub(crate) fn pause_after(&mut self, failure: Failure) -> Result<Duration, Failure> {
        let lost = *self.lost.get_or_insert_with(Instant::now);
        if failure.code == "outcome_unknown" {
            self.unknown.get_or_insert_with(|| failure.clone());
        }
        let pause = pause(self.tries);
        self.tries += 1;
        match lost.elapsed() + pause < self.patience {
            true => Ok(pause),
            false => Err(self.unknown.take().unwrap_or(failure)),
        }
    }

    /// Whether this is the first loss, which is worth a word.
    pub(crate) fn is_new(&self) -> bool {
        self.lost.is_none()
    }
}

/// How long to wait after this many tries.
pub(crate) fn pause(tries: u32) -> Duration {
    jittered(PAUSE_FIRST.saturating_mul(1 << tries.min(8)).min(PAUSE_MAX))
}

/// Full jitter: a restarted server is not met by all its clients at once.
fn jittered(ceiling: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    ceiling.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_that_is_unknown_stays_so() {
        let mut persistence = Persistence::new(Duration::from_secs(60));
        assert!(persistence.pause_after(Failure::unreachable("down")).is_ok());
        assert!(persistence.pause_after(Failure::outcome_unknown("lost")).is_ok());
        persistence.patience = Duration::ZERO;
        let told = persistence.pause_after(Failure::unreachable("down")).unwrap_err();
        assert_eq!(told, Failure::outcome_unknown("lost"));
    }

    #[test]
    fn pauses_grow_and_are_bounded() {
        let mut persistence = Persistence::new(Duration::from_secs(60));
        let mut pause = || persistence.pause_after(Failure::unreachable("down")).unwrap();
        assert!(pause() <= PAUSE_FIRST);
        assert!((0..40).map(|_| pause()).all(|pause| pause <= PAUSE_MAX));
    }
}
