//! Brings a store of format 1 forward to format 2, in one transaction.
//!
//! Format 1 kept each message in the log of its receiver, and once more in the log of its sender. Format 2 keeps it once,
//! and both logs list it.

use qchat_proto::{Address, GroupName, Sequence};
use redb::{Database, ReadableTable, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::tables::{self, Definition, WriteTables};
use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::{Stop, Table, WriterNumber};
use crate::store::schema::places::{CHUNK, LogHead, MessageKey, Place};
use crate::store::schema::records::{self, CommandEffect, LogEntry};
use crate::store::schema::{keys, logs, rows};

/// log → last sequence number of the log
const LOGS: Definition = Definition::new("logs");
/// log, sequence number → `LogEntry`
const ENTRIES: Definition = Definition::new("entries");
/// user, id chosen by the client → `EffectOfFormat1`
const REQUESTS: Definition = Definition::new("requests");
/// log, one of the file's names, stored name → sequence number
const FILES: Definition = Definition::new("files");

/// log, sequence number → `MessageKey` of a message in the log of its receiver. It exists only inside of the
/// transaction.
const NEW_KEYS: Definition = Definition::new("new_keys");

/// The effect of a repeatable command, in format 1.
#[derive(Debug, Serialize, Deserialize)]
enum EffectOfFormat1 {
    Account,
    Message(Address, Sequence),
    Group(GroupName),
    Password,
}

/// Brings the store forward. If this fails, the store stays as it is.
pub(super) fn bring_forward(database: &Database) -> Result<(), StoreError> {
    tracing::info!(
        "bringing the store forward to a new format; this takes a while for many messages"
    );
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    tables::create_missing(&transaction)?;
    let last = move_messages(&transaction)?;
    list_messages(&transaction)?;
    move_requests(&transaction)?;
    move_files(&transaction)?;
    let mut new = WriteTables::of(&transaction, FreeSpaceNow::unlimited());
    if let Some(last) = last {
        let key = keys::last_message(WriterNumber::ONLY);
        rows::put(&mut new, Table::LastMessages, &key, &last).map_err(Stop::fault)?;
    }
    drop(new);
    for table in [LOGS, ENTRIES, REQUESTS, FILES, NEW_KEYS] {
        transaction.delete_table(table)?;
    }
    tables::set_format(&transaction)?;
    Ok(transaction.commit()?)
}

/// Gives each message of a receiver's log a key, and returns the last one.
fn move_messages(transaction: &WriteTransaction) -> Result<Option<MessageKey>, StoreError> {
    let entries = transaction.open_table(ENTRIES)?;
    let mut new_keys = transaction.open_table(NEW_KEYS)?;
    let mut new = WriteTables::of(transaction, FreeSpaceNow::unlimited());
    let mut last = None;
    for row in entries.iter()? {
        let (key, value) = row?;
        let entry: LogEntry = records::decode(value.value(), "message")?;
        if key.value() != keys::chunk(&entry.to, entry.sequence) {
            continue;
        }
        let before = last.unwrap_or(MessageKey::before_first(WriterNumber::ONLY));
        let message = before.next();
        rows::put(&mut new, Table::Messages, &keys::message(message), &entry)
            .map_err(Stop::fault)?;
        new_keys.insert(key.value(), records::encode(&message).as_slice())?;
        last = Some(message);
    }
    Ok(last)
}

/// Writes the head and the chunks of each log.
fn list_messages(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let old_logs = transaction.open_table(LOGS)?;
    let entries = transaction.open_table(ENTRIES)?;
    let new_keys = transaction.open_table(NEW_KEYS)?;
    let mut new = WriteTables::of(transaction, FreeSpaceNow::unlimited());
    for row in old_logs.iter()? {
        let (log, last) = row?;
        let log = log.value();
        let end: Sequence = records::decode(last.value(), "log")?;
        let (first_key, last_key) = (row_of(log, Sequence(1)), row_of(log, end));
        let mut head = LogHead::default();
        for row in entries.range(first_key.as_slice()..=last_key.as_slice())? {
            let (key, value) = row?;
            let entry: LogEntry = records::decode(value.value(), "message")?;
            head.last = head.last.next();
            if key.value() != row_of(log, head.last) {
                return Err(StoreError::Damaged("log"));
            }
            let is_copy = keys::log(&entry.to) != log;
            head.tail.0.push(Place { key: new_key(&new_keys, &entry)?, is_copy });
            if head.tail.0.len() == CHUNK {
                let first = logs::numbered(head.last, &head.tail).first().map(|(first, _)| *first);
                let first = first.ok_or(StoreError::Damaged("log"))?;
                let places = std::mem::take(&mut head.tail);
                rows::put(&mut new, Table::Chunks, &row_of(log, first), &places)
                    .map_err(Stop::fault)?;
            }
        }
        if head.last != end {
            return Err(StoreError::Damaged("log"));
        }
        rows::put(&mut new, Table::Heads, log, &head).map_err(Stop::fault)?;
    }
    Ok(())
}

fn move_requests(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let requests = transaction.open_table(REQUESTS)?;
    let new_keys = transaction.open_table(NEW_KEYS)?;
    let entries = transaction.open_table(ENTRIES)?;
    let mut new = WriteTables::of(transaction, FreeSpaceNow::unlimited());
    for row in requests.iter()? {
        let (key, value) = row?;
        let effect = match records::decode(value.value(), "request")? {
            EffectOfFormat1::Account => CommandEffect::Account,
            EffectOfFormat1::Group(group) => CommandEffect::Group(group),
            EffectOfFormat1::Password => CommandEffect::Password,
            EffectOfFormat1::Message(log, sequence) => {
                let entry = entry(&entries, &keys::log(&log), sequence)?;
                CommandEffect::Message(new_key(&new_keys, &entry)?)
            }
        };
        let (user, id) =
            key.value().split_last_chunk::<16>().ok_or(StoreError::Damaged("request"))?;
        let user = user.strip_suffix(&[0]).ok_or(StoreError::Damaged("request"))?;
        rows::put(&mut new, Table::Effects, &[id, user].concat(), &effect).map_err(Stop::fault)?;
    }
    Ok(())
}

fn move_files(transaction: &WriteTransaction) -> Result<(), StoreError> {
    let files = transaction.open_table(FILES)?;
    let new_keys = transaction.open_table(NEW_KEYS)?;
    let entries = transaction.open_table(ENTRIES)?;
    let mut new = WriteTables::of(transaction, FreeSpaceNow::unlimited());
    for row in files.iter()? {
        let (key, sequence) = row?;
        let log = key.value().split_inclusive(|byte| *byte == 0).next().unwrap_or_default();
        let entry = entry(&entries, log, records::decode(sequence.value(), "file")?)?;
        let message = new_key(&new_keys, &entry)?;
        rows::put(&mut new, Table::FileNames, key.value(), &message).map_err(Stop::fault)?;
    }
    Ok(())
}

/// The key of a message in a log, in format 1.
fn row_of(log: &[u8], sequence: Sequence) -> Vec<u8> {
    [log, &sequence.0.to_be_bytes()].concat()
}

fn entry(
    entries: &impl ReadableTable<&'static [u8], &'static [u8]>,
    log: &[u8],
    sequence: Sequence,
) -> Result<LogEntry, StoreError> {
    let found = entries.get(row_of(log, sequence).as_slice())?;
    records::decode(found.ok_or(StoreError::Damaged("message"))?.value(), "message")
}

/// The key of the message that an entry of any log shows.
fn new_key(
    new_keys: &impl ReadableTable<&'static [u8], &'static [u8]>,
    entry: &LogEntry,
) -> Result<MessageKey, StoreError> {
    let found = new_keys.get(keys::chunk(&entry.to, entry.sequence).as_slice())?;
    records::decode(found.ok_or(StoreError::Damaged("message"))?.value(), "message key")
}

#[cfg(test)]
mod tests;
