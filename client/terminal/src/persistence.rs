//! How a line goes on trying when its link is lost: soon at first, then less often, up to a limit.

use std::time::{Duration, Instant};

use qchat_client::Backoff;

use crate::failure::Failure;

/// A line that was tried and met no server, or lost the one it had.
#[derive(Debug)]
pub(crate) struct Persistence {
    patience: Duration,
    lost: Option<Instant>,
    backoff: Backoff,
    /// Told in the end, where one of the tries may have had its effect.
    unknown: Option<Failure>,
}

impl Persistence {
    /// Goes on for `patience` from the first loss on.
    pub(crate) fn new(patience: Duration) -> Self {
        Self { patience, lost: None, backoff: Backoff::default(), unknown: None }
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
        self.backoff.failed();
        let pause = self.backoff.pause();
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
}
