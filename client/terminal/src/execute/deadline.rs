//! How long one line may take: one span of time that begins with the line.

use std::time::Duration;

use tokio::time::Instant;

/// The time that a line has, counted from its beginning.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// A deadline that begins now.
    pub(crate) fn after(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    /// The same span of time, if it does not begin before `instant`, and else from then on.
    pub(crate) fn not_before(self, instant: Instant) -> Self {
        Self { begun: self.begun.max(instant), ..self }
    }

    /// The rest of it.
    pub(crate) fn left(&self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    /// The rest as people read it: `28 s`.
    pub(crate) fn left_in_words(&self) -> String {
        // Up to the next whole second: "0 s" would say that nothing is tried any more.
        let left = self.left();
        let seconds = left.as_secs() + u64::from(left.subsec_millis() > 0);
        format!("{seconds} s")
    }

    /// The whole time as people read it: `30 s`.
    pub(crate) fn in_words(&self) -> String {
        format!("{} s", self.limit.as_secs())
    }
}
