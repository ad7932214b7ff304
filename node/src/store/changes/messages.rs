//! Messages and files to users and groups.

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, Body, ClientId, File, Message, MessageId, MessageText, Refusal, Sequence, Timestamp,
    UserName,
};

use crate::store::change::{ApplyError, Change, check, earlier_effect, record_effect};
use crate::store::error::StoreError;
use crate::store::interface::{Needs, Read, Table, Write};
use crate::store::notification::Notification;
use crate::store::permission::{Action, facts_needed};
use crate::store::schema::keys;
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{CommandEffect, LogEntry, StoredFileRecord};
use crate::store::schema::rows;

/// Sends a message: appends the message to the log of the receiver. If the receiver is a user, a copy goes to the
/// mailbox of the sender. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) id: ClientId,
    pub(crate) from: UserName,
    pub(crate) to: Address,
    pub(crate) at: Timestamp,
    pub(crate) content: Content,
}

/// The content of a message.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A text.
    Text(MessageText),
    /// A file, which is durable in the upload folder under its final name.
    File {
        file: File,
        /// The most bytes of all files of the sender together.
        quota: Option<u64>,
    },
}

impl Change for Post {
    type Outcome = Message;

    fn bytes(&self) -> usize {
        match &self.content {
            Content::Text(text) => text.as_str().len(),
            Content::File { .. } => 0,
        }
    }

    fn needs(&self) -> Needs {
        let needs = facts_needed(Needs::default(), &self.from, Action::Write(&self.to))
            .absent(Table::Requests, keys::request(&self.from, self.id))
            .row(Table::Logs, keys::log(&self.to));
        let own = Address::User(self.from.clone());
        let needs = match &self.to {
            to if *to == own => needs,
            Address::User(_) => needs
                .row(Table::Logs, keys::log(&own))
                .row(Table::ReadMarkers, keys::marker(&self.from, &own)),
            Address::Group(_) => needs.row(Table::ReadMarkers, keys::marker(&self.from, &self.to)),
        };
        match self.content {
            Content::Text(_) => needs,
            Content::File { ref file, .. } => needs
                .row(Table::Usage, keys::name(self.from.as_str()))
                .absent(Table::StoredFiles, keys::name(file.name.as_str())),
        }
    }

    fn notifications(&self, _: &Message) -> Vec<Notification> {
        let receiver = Notification::Log(self.to.clone());
        match &self.to {
            Address::User(_) => vec![receiver, Notification::Log(Address::User(self.from.clone()))],
            Address::Group(_) => vec![receiver],
        }
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<Message, ApplyError> {
        if let Some(effect) = earlier_effect(tables, &self.from, self.id)? {
            return self.repeated(tables, &effect);
        }
        check(tables, &self.from, Action::Write(&self.to))?;
        tables.free_space().admit_growth()?;
        let usage = self.usage_after(tables)?;
        let entry = self.append(tables)?;
        if let (Some(usage), Body::File(file)) = (usage, &entry.body) {
            rows::put(tables, Table::Usage, keys::name(self.from.as_str()), &usage)?;
            let stored =
                StoredFileRecord { sender: self.from.clone(), size: file.size, expired: None };
            rows::put(tables, Table::StoredFiles, keys::name(file.name.as_str()), &stored)?;
        }
        let effect = CommandEffect::Message(self.to.clone(), entry.sequence);
        record_effect(tables, &self.from, self.id, &effect)?;
        Ok(message(entry))
    }
}

impl Post {
    /// Returns the first outcome again, if the content is the same.
    fn repeated(
        &self,
        tables: &mut dyn Read,
        effect: &CommandEffect,
    ) -> Result<Message, ApplyError> {
        let CommandEffect::Message(log, sequence) = effect else {
            return Err(Refusal::IdReused.into());
        };
        let key = keys::entry(log, *sequence);
        let entry: Option<LogEntry> = rows::find(tables, Table::Entries, &key, "message")?;
        let entry = entry.ok_or(StoreError::Damaged("request"))?;
        match entry.to == self.to && self.content.is_same(&entry.body) {
            true => Ok(message(entry)),
            false => Err(Refusal::IdReused.into()),
        }
    }

    /// The bytes of the sender's files including this one, if the file fits into the quota.
    fn usage_after(&self, tables: &mut dyn Read) -> Result<Option<u64>, ApplyError> {
        let Content::File { file, quota } = &self.content else { return Ok(None) };
        let key = keys::name(self.from.as_str());
        let used: u64 = rows::find(tables, Table::Usage, key, "usage")?.unwrap_or_default();
        let after = used.saturating_add(file.size);
        match quota {
            Some(quota) if after > *quota => {
                Err(Refusal::QuotaExceeded { size: file.size, used, quota: *quota }.into())
            }
            _ => Ok(Some(after)),
        }
    }

    fn append(&self, tables: &mut dyn Write) -> Result<LogEntry, ApplyError> {
        let sequence = append(tables, &self.to, |sequence| self.entry(sequence))?;
        let entry = self.entry(sequence);
        let own = Address::User(self.from.clone());
        match &self.to {
            // A note to oneself has no copy, and is unread like any other message.
            to if *to == own => {}
            Address::User(_) => {
                let copy = append(tables, &own, |_| entry.clone())?;
                mark_own(tables, &self.from, &own, copy)?;
            }
            Address::Group(_) => mark_own(tables, &self.from, &self.to, sequence)?,
        }
        Ok(entry)
    }

    fn entry(&self, sequence: Sequence) -> LogEntry {
        LogEntry {
            to: self.to.clone(),
            sequence,
            from: self.from.clone(),
            at: self.at,
            id: self.id,
            body: self.content.body(),
        }
    }
}

impl Content {
    fn body(&self) -> Body {
        match self {
            Self::Text(text) => Body::Text(text.clone()),
            Self::File { file, .. } => Body::File(file.clone()),
        }
    }

    /// Whether an earlier message has the same content. A repeated upload stores the file under another name, so
    /// the stored names are not compared.
    fn is_same(&self, earlier: &Body) -> bool {
        match (self, earlier) {
            (Self::Text(text), Body::Text(earlier)) => text == earlier,
            (Self::File { file, .. }, Body::File(earlier)) => {
                file.original == earlier.original && file.digest == earlier.digest
            }
            _ => false,
        }
    }
}

/// Appends an entry to a log, and returns its sequence number.
fn append(
    tables: &mut dyn Write,
    log: &Address,
    entry: impl FnOnce(Sequence) -> LogEntry,
) -> Result<Sequence, ApplyError> {
    let key = keys::log(log);
    let last: Option<Sequence> = rows::find(tables, Table::Logs, &key, "log")?;
    let sequence = last.unwrap_or(Sequence(0)).next();
    let entry = entry(sequence);
    rows::put(tables, Table::Logs, &key, &sequence)?;
    rows::put(tables, Table::Entries, &keys::entry(log, sequence), &entry)?;
    if let Body::File(file) = &entry.body {
        for name in keys::names_of(file) {
            let key = keys::file(log, &name, Some(&file.name));
            rows::put(tables, Table::Files, &key, &sequence)?;
        }
    }
    Ok(sequence)
}

/// Marks a message as read by its sender.
fn mark_own(
    tables: &mut dyn Write,
    user: &UserName,
    log: &Address,
    sequence: Sequence,
) -> Result<(), ApplyError> {
    let key = keys::marker(user, log);
    let ranges = rows::find(tables, Table::ReadMarkers, &key, "read marker")?;
    let mut ranges: RangeSet = ranges.unwrap_or_default();
    ranges.insert(SequenceRange { first: sequence, last: sequence });
    Ok(rows::put(tables, Table::ReadMarkers, &key, &ranges)?)
}

/// The message in the form that its sender sees.
fn message(entry: LogEntry) -> Message {
    Message {
        id: MessageId { log: entry.to, sequence: entry.sequence },
        from: entry.from,
        at: entry.at,
        body: entry.body,
        unread: false,
    }
}
