//! Repeating a line after a lost connection, until its deadline.

use std::time::Duration;

use crate::deadline::Deadline;
use crate::error::{CommandError, CommandResult};

/// The least time for another attempt.
const ATTEMPT_MIN: Duration = Duration::from_millis(50);

/// The failed attempts of one line.
#[derive(Debug, Default)]
pub(crate) struct LineRetry {
    is_reported: bool,
    /// The error of an attempt that may have had its effect. It is the final error of the line.
    unknown: Option<CommandError>,
}

impl LineRetry {
    /// Notes a failed attempt, and returns the pause before the next one: `pause`, or less near the deadline, so
    /// that the line uses its time to the end.
    ///
    /// # Errors
    /// The final error of the line, if its time is over: the outcome is unknown if that of any attempt is.
    pub(crate) fn pause_after(
        &mut self,
        failure: CommandError,
        deadline: &Deadline,
        pause: Duration,
    ) -> CommandResult<Duration> {
        self.is_reported = true;
        if failure.code.is_outcome_unknown() {
            self.unknown.get_or_insert_with(|| failure.clone());
        }
        let left = deadline.left();
        if left < ATTEMPT_MIN {
            return Err(self.unknown.take().unwrap_or(failure).after_trying(deadline));
        }
        Ok(pause.min(left / 2))
    }

    /// Notes that bytes of a file have moved, so that another loss is reported again.
    pub(crate) fn note_progress(&mut self) {
        self.is_reported = false;
    }

    /// Whether a loss is to be reported: only the first one, and only if there is time for another attempt.
    pub(crate) fn is_news(&self, deadline: &Deadline) -> bool {
        !self.is_reported && deadline.left() >= ATTEMPT_MIN
    }
}

impl CommandError {
    /// The error of the last attempt, with the time of all attempts, unless the text has it already.
    fn after_trying(self, deadline: &Deadline) -> Self {
        let time = deadline.in_words();
        match self.text.ends_with(&format!("within {time}")) {
            true => self,
            false => Self { text: format!("{}; tried for {time}", self.text), ..self },
        }
    }

    /// The error of the first attempt, with the time that is left for others.
    pub(crate) fn before_trying_again(&self, deadline: &Deadline) -> String {
        format!("{}; trying again for {}", self.text, deadline.left_in_words())
    }
}

#[cfg(test)]
mod tests;
