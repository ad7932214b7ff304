//! Sending a text, reading a log, and marking messages as read.

use qchat_proto::command::{History, Log, MarkRead, Selection, SendText, SequenceRange};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{Address, BoundedVec, Message, MessageText, Sequence, UserName};

use crate::client::Client;
use crate::commands::pages::PAGES_MAX;
use crate::error::{CallError, DamagedError};

/// Selects messages of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The log.
    pub log: Log,
    /// The number of messages, and whether read ones are included.
    pub selection: Selection,
    /// Only the messages of this sender.
    pub from: Option<UserName>,
    /// Only the messages before this one.
    pub before: Option<Sequence>,
}

/// Messages of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryAnswer {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether older ones exist that were not selected.
    pub more: bool,
}

impl Client {
    /// Sends a text. The answer is the message as it is stored.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the message was sent is unknown.
    pub async fn send(&self, to: Address, text: MessageText) -> Result<Message, CallError> {
        self.ask(SendText { id: self.request_id(), to, text }).await
    }

    /// Reads a log, all pages of the answer.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn history(&self, query: HistoryQuery) -> Result<HistoryAnswer, CallError> {
        let HistoryQuery { log, selection, from, before } = query;
        let mut history = History { log, selection, from, before, page: None };
        let mut answer = HistoryAnswer { messages: Vec::new(), more: false };
        for _ in 0..PAGES_MAX {
            let page = self.ask(history.clone()).await?;
            answer.messages.extend(page.messages.into_vec());
            answer.more |= page.more;
            if page.next.is_none() {
                return Ok(answer);
            }
            history.page = page.next;
        }
        Err(DamagedError::EndlessList.into())
    }

    /// Marks those of `shown` that are unread and lie in `log` as read, on all of the user's devices.
    ///
    /// # Errors
    /// [`CallError`]; some of them may be marked then.
    ///
    /// # Cancel safety
    /// Not cancel safe: how many are marked is unknown. Repeating it does no harm.
    pub async fn mark_read(&self, log: Log, shown: &[Message]) -> Result<(), CallError> {
        self.mark_sequences(&log, unread(&log, shown)).await
    }

    /// Marks the messages with these numbers in a log as read.
    pub(crate) async fn mark_sequences(
        &self,
        log: &Log,
        sequences: Vec<Sequence>,
    ) -> Result<(), CallError> {
        let ranges = ranges(sequences);
        for chunk in ranges.chunks(READ_RANGES_MAX) {
            let ranges = BoundedVec::first_of(chunk.iter().copied());
            self.ask(MarkRead { log: log.clone(), ranges }).await?;
        }
        Ok(())
    }

    /// The number of the first unread message of a log, if there is one.
    pub(crate) async fn oldest_unread(&self, log: &Log) -> Result<Option<Sequence>, CallError> {
        let (log, selection) = (log.clone(), Selection::Unread);
        let mut history = History { log, selection, from: None, before: None, page: None };
        for _ in 0..PAGES_MAX {
            let page = self.ask(history.clone()).await?;
            if let Some(message) = page.messages.iter().next() {
                return Ok(Some(message.id.sequence));
            }
            history.page = page.next;
            if history.page.is_none() {
                return Ok(None);
            }
        }
        Err(DamagedError::EndlessList.into())
    }
}

/// The numbers of the unread messages of this log. Nothing makes a message unread again, so read ones need
/// no marking.
fn unread(log: &Log, shown: &[Message]) -> Vec<Sequence> {
    let is_of_log = |message: &&Message| match (log, &message.id.log) {
        (Log::Inbox, Address::User(_)) => true,
        (Log::Group(asked), Address::Group(group)) => asked == group,
        _ => false,
    };
    let unread = shown.iter().filter(is_of_log).filter(|message| message.unread);
    unread.map(|message| message.id.sequence).collect()
}

/// The fewest ranges that hold these numbers, lowest first.
fn ranges(mut sequences: Vec<Sequence>) -> Vec<SequenceRange> {
    sequences.sort_unstable();
    let mut ranges: Vec<SequenceRange> = Vec::new();
    for sequence in sequences {
        match ranges.last_mut() {
            Some(range) if sequence <= range.last.next() => range.last = sequence,
            _ => ranges.push(SequenceRange { first: sequence, last: sequence }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests;
