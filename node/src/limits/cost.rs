//! The cost of commands, in tokens of the rate limits. Every command costs at least one.

/// The cost of any command while nobody is signed in on the connection.
pub(crate) const SIGNED_OUT_COST: u32 = 10;

/// One token pays for so many notified watchers. Each costs the server a look into the store and a packet,
/// which is less than a command costs.
const WATCHERS_PER_TOKEN: usize = 16;

/// The highest cost of notifying watchers. With this bound, all commands that a connection can have waiting
/// are answered in a quarter of the time that a client waits for an answer.
const WATCHERS_COST_MAX: u32 = 128;

/// One token pays for so much text, which is kept twice and for ever.
const TEXT_BYTES_PER_TOKEN: usize = 4 * 1024;

/// One token pays for so much of an answer.
const ANSWER_BYTES_PER_TOKEN: usize = 16 * 1024;

/// One token pays for so many rows that the store read, also rows that the answer leaves out. At this price
/// an account can use a third of a core for reading rows.
const ROWS_PER_TOKEN: usize = 128;

/// The cost of notifying so many watchers.
pub(crate) fn of_watchers(watchers: usize) -> u32 {
    u32::try_from(watchers / WATCHERS_PER_TOKEN).unwrap_or(u32::MAX).min(WATCHERS_COST_MAX)
}

/// The cost of keeping a text of so many bytes.
pub(crate) fn of_text(bytes: usize) -> u32 {
    u32::try_from(bytes / TEXT_BYTES_PER_TOKEN).unwrap_or(u32::MAX)
}

/// The cost of an answer of so many bytes.
pub(crate) fn of_answer(bytes: usize) -> u32 {
    u32::try_from(bytes / ANSWER_BYTES_PER_TOKEN).unwrap_or(u32::MAX)
}

/// The cost of reading so many rows.
pub(crate) fn of_rows(rows: usize) -> u32 {
    u32::try_from(rows / ROWS_PER_TOKEN).unwrap_or(u32::MAX)
}

/// The rows among so many that [`of_rows`] does not charge for.
pub(crate) fn uncharged_rows(rows: usize) -> usize {
    rows % ROWS_PER_TOKEN
}

#[cfg(test)]
mod tests;
