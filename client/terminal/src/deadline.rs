//! The time limit of a line: one span of time that begins with the line.

use std::time::Duration;

use qchat_client::CallError;
use tokio::time::{Instant, timeout};

use crate::error::{CommandError, CommandResult};

/// The end of the time that a line has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// A span of time that begins now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    /// The same length of time, beginning at `instant` if that is later.
    pub(crate) fn not_before(self, instant: Instant) -> Self {
        Self { begun: self.begun.max(instant), ..self }
    }

    /// The time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    /// The time that is left, for people: `28 s`.
    pub(crate) fn left_in_words(&self) -> String {
        // Rounded up: "0 s" would say that nothing is tried any more.
        let left = self.left();
        let seconds = left.as_secs() + u64::from(left.subsec_millis() > 0);
        format!("{seconds} s")
    }

    /// The whole time, for people: `30 s`.
    pub(crate) fn in_words(&self) -> String {
        format!("{} s", self.limit.as_secs())
    }
}

/// How long each line may wait for the server, and until when the running line may.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeLimit {
    /// The time of each line.
    pub(crate) per_line: Duration,
    /// The end of the running line's time. A file may take longer, as long as bytes move.
    pub(crate) deadline: Deadline,
}

impl TimeLimit {
    /// A limit whose first line begins now.
    pub(crate) fn new(per_line: Duration) -> Self {
        Self { per_line, deadline: Deadline::after(per_line) }
    }

    /// Begins the time again: for the next line, or after a person has typed a password or bytes of a file
    /// have moved.
    pub(crate) fn restart(&mut self) {
        self.deadline = Deadline::after(self.per_line);
    }

    /// Waits for the answer to a request that changes nothing.
    ///
    /// # Errors
    /// The error of the request, or `unreachable` at the deadline.
    pub(crate) async fn query<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> CommandResult<T> {
        self.wait(answer).await.unwrap_or_else(|late| Err(CommandError::unreachable(late)))
    }

    /// Waits for the answer to a request that changes something.
    ///
    /// # Errors
    /// The error of the request, or `outcome_unknown` at the deadline.
    pub(crate) async fn change<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> CommandResult<T> {
        self.wait(answer).await.unwrap_or_else(|late| Err(CommandError::outcome_unknown(late)))
    }

    async fn wait<T>(
        &self,
        answer: impl Future<Output = Result<T, CallError>>,
    ) -> Result<CommandResult<T>, String> {
        let answer = timeout(self.deadline.left(), answer).await;
        let late = |_| format!("the server did not answer within {}", self.deadline.in_words());
        Ok(answer.map_err(late)?.map_err(CommandError::from))
    }
}
