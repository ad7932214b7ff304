//! The effect of executing a command a second time.

/// The reason for which a client may repeat a command that was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Idempotence {
    /// The command only reads, or its effect is useless without the answer. Without an answer, it counts as
    /// not executed.
    Freely,
    /// The command has a client-made id. Repeated with the same id, it has one effect, and the first answer.
    ByClientId,
    /// A second execution leads to the same state. Its answer may be a refusal, as `not_a_member` after a
    /// `Leave`.
    ByState,
}

impl Idempotence {
    /// Whether a command without an answer may have changed stored data.
    pub const fn may_change_data(self) -> bool {
        !matches!(self, Self::Freely)
    }
}
