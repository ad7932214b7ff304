//! The position of each followed log: which messages were returned, and which of them acknowledged.

use std::collections::{BTreeSet, HashMap};

use qchat_proto::command::{Cursor, Log};
use qchat_proto::{Address, MessageId, Sequence, UserName};

/// The positions of all followed logs.
#[derive(Debug, Default)]
pub(crate) struct LogPositions {
    me: Option<UserName>,
    logs: HashMap<Log, LogPosition>,
}

/// The position of one log.
#[derive(Debug)]
struct LogPosition {
    /// The last message that was returned, or skipped.
    last: Sequence,
    /// The messages that were returned and are not acknowledged.
    open: BTreeSet<Sequence>,
    /// The messages that were acknowledged and are not marked as read.
    unmarked: Vec<Sequence>,
}

/// The order of a message relative to the position of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SequenceOrder {
    /// The next message.
    Next,
    /// A message that was passed before.
    Passed,
    /// A message after others that were not seen.
    Ahead,
}

impl LogPositions {
    pub(crate) fn from(cursors: &[Cursor]) -> Self {
        let mut positions = Self::default();
        for cursor in cursors {
            positions.begin(cursor.clone());
        }
        positions
    }

    /// Sets the user whose mailbox is followed.
    pub(crate) fn set_user(&mut self, me: UserName) {
        self.me = Some(me);
    }

    /// Whether it is the user whose mailbox is followed.
    pub(crate) fn is_own(&self, from: &UserName) -> bool {
        self.me.as_ref() == Some(from)
    }

    /// The last message of a log that was returned or skipped, if the log is followed.
    pub(crate) fn last(&self, log: &Log) -> Option<Sequence> {
        self.logs.get(log).map(|position| position.last)
    }

    /// Follows a log from this cursor on, and forgets its old position.
    pub(crate) fn begin(&mut self, Cursor { log, after }: Cursor) {
        let position = LogPosition { last: after, open: BTreeSet::new(), unmarked: Vec::new() };
        self.logs.insert(log, position);
    }

    /// Stops following all other logs.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&Log) -> bool) {
        self.logs.retain(|log, _| wanted(log));
    }

    /// The order of a message, before [`hand_on`](Self::hand_on) or [`skip`](Self::skip).
    pub(crate) fn order(&self, log: &Log, sequence: Sequence) -> SequenceOrder {
        match self.last(log) {
            Some(last) if sequence <= last => SequenceOrder::Passed,
            Some(last) if sequence == last.next() => SequenceOrder::Next,
            _ => SequenceOrder::Ahead,
        }
    }

    /// Notes that the next message is returned, and has to be acknowledged.
    pub(crate) fn hand_on(&mut self, log: &Log, sequence: Sequence) {
        if let Some(position) = self.logs.get_mut(log) {
            position.last = sequence;
            position.open.insert(sequence);
        }
    }

    /// Notes that the next message is not returned, since the user sent it.
    pub(crate) fn skip(&mut self, log: &Log, sequence: Sequence) {
        if let Some(position) = self.logs.get_mut(log) {
            position.last = sequence;
        }
    }

    /// Notes an acknowledgement; returns whether the message was waited for.
    pub(crate) fn acknowledge(&mut self, id: &MessageId) -> bool {
        let log = match &id.log {
            Address::User(user) if Some(user) == self.me.as_ref() => Log::Inbox,
            Address::User(_) => return false,
            Address::Group(group) => Log::Group(group.clone()),
        };
        let Some(position) = self.logs.get_mut(&log) else { return false };
        let was_open = position.open.remove(&id.sequence);
        if was_open {
            position.unmarked.push(id.sequence);
        }
        was_open
    }

    /// The number of messages that wait to be acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.logs.values().map(|position| position.open.len()).sum()
    }

    /// The cursors from which no message is returned twice.
    pub(crate) fn returned_cursors(&self) -> Vec<Cursor> {
        self.each(|position| position.last)
    }

    /// The cursors up to which all is acknowledged.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.each(LogPosition::acknowledged)
    }

    fn each(&self, after: impl Fn(&LogPosition) -> Sequence) -> Vec<Cursor> {
        let logs = self.logs.iter();
        logs.map(|(log, position)| Cursor { log: log.clone(), after: after(position) }).collect()
    }

    /// Messages of one log that were acknowledged and are to be marked as read.
    pub(crate) fn unmarked(&self) -> Option<(Log, Vec<Sequence>)> {
        let (log, position) =
            self.logs.iter().find(|(_, position)| !position.unmarked.is_empty())?;
        Some((log.clone(), position.unmarked.clone()))
    }

    /// Notes that these messages are marked as read.
    pub(crate) fn note_marked(&mut self, log: &Log, sequences: &[Sequence]) {
        if let Some(position) = self.logs.get_mut(log) {
            position.unmarked.retain(|sequence| !sequences.contains(sequence));
        }
    }
}

impl LogPosition {
    fn acknowledged(&self) -> Sequence {
        match self.open.first() {
            Some(first) => Sequence(first.0.saturating_sub(1)),
            None => self.last,
        }
    }
}

#[cfg(test)]
mod tests;
