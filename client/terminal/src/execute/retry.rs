//! How a line goes on trying when its link is lost: soon at first, then less often, up to its deadline.

use std::time::Duration;

use qchat_client::Backoff;

use crate::deadline::Deadline;
use crate::error::CommandError;

/// What is too short for another try: the line is over.
const TRY_MIN: Duration = Duration::from_millis(50);

/// A line that was tried and met no server, or lost the one it had.
#[derive(Debug, Default)]
pub(crate) struct Persistence {
    is_old: bool,
    backoff: Backoff,
    /// Told in the end, if one of the tries may have had its effect.
    unknown: Option<CommandError>,
}

impl Persistence {
    /// How long to wait before the next try. The last tries come closer together, so that the line uses
    /// its time to the end.
    ///
    /// # Errors
    /// What to tell when the line's time is over: the outcome is unknown if that of any try is.
    pub(crate) fn pause_after(
        &mut self,
        failure: CommandError,
        deadline: &Deadline,
    ) -> Result<Duration, CommandError> {
        self.is_old = true;
        if failure.code.is_outcome_unknown() {
            self.unknown.get_or_insert_with(|| failure.clone());
        }
        let left = deadline.left();
        if left < TRY_MIN {
            return Err(self.unknown.take().unwrap_or(failure).after_trying(deadline));
        }
        self.backoff.failed();
        Ok(self.backoff.pause().min(left / 2))
    }

    /// Notes that the line has come further, so that another loss is worth a word. The pauses go on growing:
    /// a server may let each try come a little further.
    pub(crate) fn has_moved(&mut self) {
        self.is_old = false;
    }

    /// Whether this is the first loss, which is worth a word while there is time for another try.
    pub(crate) fn is_news(&self, deadline: &Deadline) -> bool {
        !self.is_old && deadline.left() >= TRY_MIN
    }
}

impl CommandError {
    /// The failure of the last try, with the time that all tries took, unless it tells that already.
    fn after_trying(self, deadline: &Deadline) -> Self {
        let time = deadline.in_words();
        match self.text.ends_with(&format!("within {time}")) {
            true => self,
            false => Self { text: format!("{}; tried for {time}", self.text), ..self },
        }
    }

    /// The failure of the first try, with the time that is left for others.
    pub(crate) fn before_trying_again(&self, deadline: &Deadline) -> String {
        format!("{}; trying again for {}", self.text, deadline.left_in_words())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_outcome_that_is_unknown_stays_so() {
        let mut persistence = Persistence::default();
        let long = Deadline::after(Duration::from_secs(60));
        assert!(persistence.pause_after(CommandError::unreachable("down"), &long).is_ok());
        assert!(persistence.pause_after(CommandError::outcome_unknown("lost"), &long).is_ok());
        let over = Deadline::after(Duration::ZERO);
        let told = persistence.pause_after(CommandError::unreachable("down"), &over).unwrap_err();
        assert_eq!(told, CommandError::outcome_unknown("lost; tried for 0 s"));
    }

    #[tokio::test]
    async fn the_pauses_leave_time_for_another_try() {
        let mut persistence = Persistence::default();
        let short = Deadline::after(Duration::from_millis(200));
        for _ in 0..20 {
            if let Ok(pause) = persistence.pause_after(CommandError::unreachable("down"), &short) {
                assert!(pause <= Duration::from_millis(100), "{pause:?}");
            }
        }
    }
}
