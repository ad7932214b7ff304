//! A log: the messages that it lists, under dense sequence numbers.

use std::collections::VecDeque;

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, Sequence};

use super::places::{CHUNK, LogHead, MessageKey, Place, Places};
use super::records::{self, LogEntry, StoredFileRecord};
use super::{keys, rows};
use crate::store::error::StoreError;
use crate::store::interface::{Range, Read, Stop, Table, Write};

/// The most messages that [`LogEntries`] reads at once: they stay in memory until the caller takes them.
const STEP_MAX: u64 = 64;

/// The head of a log, which is empty at first.
pub(in crate::store) fn head(tables: &mut dyn Read, log: &Address) -> Result<LogHead, Stop> {
    Ok(rows::find(tables, Table::Heads, &keys::log(log), "log")?.unwrap_or_default())
}

/// Appends a message to a log, which has this head. If the newest messages fill a chunk, its places are returned, with
/// their sequence numbers.
pub(in crate::store) fn append(
    tables: &mut dyn Write,
    log: &Address,
    head: LogHead,
    place: Place,
) -> Result<Vec<(Sequence, Place)>, Stop> {
    let LogHead { last, mut tail } = head;
    let last = last.next();
    tail.0.push(place);
    let mut chunk = Vec::new();
    if tail.0.len() >= CHUNK {
        chunk = numbered(last, &tail);
        let first = chunk.first().map_or(last, |(first, _)| *first);
        rows::put(tables, Table::Chunks, &keys::chunk(log, first), &tail)?;
        tail.0.clear();
    }
    rows::put(tables, Table::Heads, &keys::log(log), &LogHead { last, tail })?;
    Ok(chunk)
}

/// The places of the newest messages with their sequence numbers, the last of which is `last`.
pub(in crate::store) fn numbered(last: Sequence, tail: &Places) -> Vec<(Sequence, Place)> {
    let newest_first = tail.0.iter().rev().zip(0..);
    let numbered =
        newest_first.map(|(place, back)| (Sequence(last.0.saturating_sub(back)), *place));
    let mut numbered: Vec<_> = numbered.collect();
    numbered.reverse();
    numbered
}

/// The message with this number in a log.
pub(in crate::store) fn entry(
    tables: &mut dyn Read,
    log: &Address,
    sequence: Sequence,
) -> Result<Option<LogEntry>, Stop> {
    let head = head(tables, log)?;
    if sequence == Sequence(0) || sequence > head.last {
        return Ok(None);
    }
    let only = SequenceRange { first: sequence, last: sequence };
    let places = places(tables, log, &head, only)?;
    let place = places.first().ok_or(StoreError::Damaged("log"))?;
    message(tables, place.1.key).map(Some)
}

/// The message under a key, which exists because another row names it.
pub(in crate::store) fn message(tables: &mut dyn Read, key: MessageKey) -> Result<LogEntry, Stop> {
    let found = rows::find(tables, Table::Messages, &keys::message(key), "message")?;
    Ok(found.ok_or(StoreError::Damaged("message key"))?)
}

/// The messages under these keys.
pub(in crate::store) fn messages(
    tables: &mut dyn Read,
    keys: impl IntoIterator<Item = MessageKey>,
) -> Result<Vec<LogEntry>, Stop> {
    let keys: Vec<_> = keys.into_iter().map(keys::message).collect();
    let found = rows::find_all(tables, Table::Messages, &keys, "message")?;
    let found: Option<Vec<_>> = found.into_iter().collect();
    Ok(found.ok_or(StoreError::Damaged("message key"))?)
}

/// Gives the messages of files that have expired the body of an expired file.
fn mark_expired_files(tables: &mut dyn Read, messages: &mut [LogEntry]) -> Result<(), Stop> {
    let names = messages.iter().filter_map(|entry| match &entry.body {
        Body::File(file) => Some(keys::name(file.name.as_str()).to_vec()),
        Body::Text(_) | Body::ExpiredFile(_) => None,
    });
    let names: Vec<_> = names.collect();
    let stored = rows::find_all(tables, Table::StoredFiles, &names, "stored file")?;
    let of_files = messages.iter_mut().filter(|entry| matches!(entry.body, Body::File(_)));
    for (entry, stored) in of_files.zip(stored) {
        let has_expired = stored.is_some_and(|file: StoredFileRecord| file.expired.is_some());
        if let (true, Body::File(file)) = (has_expired, &entry.body) {
            entry.body = Body::ExpiredFile(file.clone());
        }
    }
    Ok(())
}

/// The places of the existing messages in a range of a log, in order.
fn places(
    tables: &mut dyn Read,
    log: &Address,
    head: &LogHead,
    within: SequenceRange,
) -> Result<Vec<(Sequence, Place)>, Stop> {
    let tail = numbered(head.last, &head.tail);
    let mut found = Vec::new();
    if tail.first().is_none_or(|(first, _)| within.first < *first) {
        for (key, value) in tables.range(&chunks(log, within))? {
            let first = key.last_chunk().copied().map(u64::from_be_bytes);
            let first = first.ok_or(StoreError::Damaged("log's key"))?;
            let chunk: Places = records::decode(&value, "chunk of a log")?;
            found.extend((first..).map(Sequence).zip(chunk.0));
        }
    }
    found.extend(tail);
    found.retain(|(sequence, _)| within.first <= *sequence && *sequence <= within.last);
    Ok(found)
}

/// The chunks that may have messages of this range.
fn chunks(log: &Address, within: SequenceRange) -> Range {
    // A chunk begins at most this far below its last message.
    let before = u64::try_from(CHUNK - 1).unwrap_or(u64::MAX);
    let first = Sequence(within.first.0.saturating_sub(before));
    let [first, end] = [first, within.last.next()].map(|sequence| keys::chunk(log, sequence));
    Range::between(Table::Chunks, first, end)
}

/// The messages in a range of a log, read in steps: the caller may stop before the end of a long range.
pub(in crate::store) struct LogEntries {
    rest: SequenceRange,
    backwards: bool,
    read: VecDeque<(Sequence, LogEntry)>,
    /// The messages to read next.
    step: u64,
}

impl LogEntries {
    /// The messages of a range, the last one first if `backwards`. The first step reads `likely` of them.
    pub(in crate::store) fn of(within: SequenceRange, backwards: bool, likely: u32) -> Self {
        let step = u64::from(likely).clamp(1, STEP_MAX);
        Self { rest: within, backwards, read: VecDeque::new(), step }
    }

    /// The next message, with its number in this log.
    pub(in crate::store) fn next(
        &mut self,
        tables: &mut dyn Read,
        log: &Address,
        head: &LogHead,
    ) -> Result<Option<(Sequence, LogEntry)>, Stop> {
        if self.read.is_empty() {
            self.read_step(tables, log, head)?;
        }
        let next = match self.backwards {
            true => self.read.pop_back(),
            false => self.read.pop_front(),
        };
        Ok(next)
    }

    fn read_step(
        &mut self,
        tables: &mut dyn Read,
        log: &Address,
        head: &LogHead,
    ) -> Result<(), Stop> {
        let first = self.rest.first.max(Sequence(1));
        let last = self.rest.last.min(head.last);
        if first > last {
            return Ok(());
        }
        let further = self.step - 1;
        let step = match self.backwards {
            true => {
                SequenceRange { first: first.max(Sequence(last.0.saturating_sub(further))), last }
            }
            false => {
                SequenceRange { first, last: last.min(Sequence(first.0.saturating_add(further))) }
            }
        };
        let places = places(tables, log, head, step)?;
        // Logs are dense.
        let expected = (step.first.0..=step.last.0).map(Sequence);
        if !places.iter().map(|(sequence, _)| *sequence).eq(expected) {
            return Err(StoreError::Damaged("log").into());
        }
        let keys = places.iter().map(|(_, place)| place.key);
        let mut messages = messages(tables, keys)?;
        mark_expired_files(tables, &mut messages)?;
        self.read = places.iter().map(|(sequence, _)| *sequence).zip(messages).collect();
        match self.backwards {
            true => self.rest.last = Sequence(step.first.0 - 1),
            false => self.rest.first = step.last.next(),
        }
        self.step = self.step.saturating_mul(2).min(STEP_MAX);
        Ok(())
    }
}
