//! Messages and files to users and groups.

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, Body, ClientId, File, Message, MessageId, MessageText, Refusal, Sequence, StoredName,
    Timestamp, UserName,
};

use crate::store::change::{ApplyError, Change, check, earlier_effect, record_effect};
use crate::store::interface::{Needs, Read, Stop, Table, Write};
use crate::store::notification::Notification;
use crate::store::permission::{Action, facts_needed};
use crate::store::schema::places::{LogHead, MessageKey, Place};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{CommandEffect, LogEntry, StoredFileRecord};
use crate::store::schema::{keys, logs, rows};

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
        naming: Naming,
    },
}

/// The origin of a file's stored name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// The file has this name where it lies, and no other file has.
    Given,
    /// The file has no name yet: it gets that of the next millisecond that no file has.
    NextFree,
}

/// The number of later milliseconds that are tried if the stored name exists.
const NAME_TRIES_MAX: u32 = 1000;

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
            .absent(Table::Effects, keys::effect(&self.from, self.id))
            .row(Table::Heads, keys::log(&self.to));
        let own = Address::User(self.from.clone());
        let needs = match &self.to {
            to if *to == own => needs,
            Address::User(_) => needs
                .row(Table::Heads, keys::log(&own))
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
        match self.with_free_name(tables)? {
            Some(renamed) => renamed.send(tables),
            None => self.send(tables),
        }
    }
}

impl Post {
    fn send(&self, tables: &mut dyn Write) -> Result<Message, ApplyError> {
        let usage = self.usage_after(tables)?;
        let (key, entry) = self.append(tables)?;
        if let (Some(usage), Body::File(file)) = (usage, &entry.body) {
            rows::put(tables, Table::Usage, keys::name(self.from.as_str()), &usage)?;
            let stored =
                StoredFileRecord { sender: self.from.clone(), size: file.size, expired: None };
            rows::put(tables, Table::StoredFiles, keys::name(file.name.as_str()), &stored)?;
        }
        let effect = CommandEffect::Message(key);
        record_effect(tables, &self.from, self.id, &effect)?;
        Ok(message(entry))
    }

    /// This change with another stored name, if its file has no name yet and another file has that of the change: one
    /// that another server has stored in the same millisecond.
    fn with_free_name(&self, tables: &mut dyn Read) -> Result<Option<Self>, ApplyError> {
        let Content::File { file, naming: Naming::NextFree, quota } = &self.content else {
            return Ok(None);
        };
        let names = (0..NAME_TRIES_MAX).map(|try_| {
            let at = file.name.at().milliseconds().saturating_add(try_.into());
            StoredName::new(Timestamp::from_milliseconds(at), file.original.name())
        });
        for name in names {
            let key = keys::name(name.as_str());
            let taken: Option<StoredFileRecord> =
                rows::find(tables, Table::StoredFiles, key, "stored file")?;
            if taken.is_none() {
                let file = File { name, ..file.clone() };
                let content = Content::File { file, quota: *quota, naming: Naming::NextFree };
                return Ok(Some(Self { content, ..self.clone() }));
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Returns the first outcome again, if the content is the same.
    fn repeated(
        &self,
        tables: &mut dyn Read,
        effect: &CommandEffect,
    ) -> Result<Message, ApplyError> {
        let CommandEffect::Message(key) = effect else {
            return Err(Refusal::IdReused.into());
        };
        let entry = logs::message(tables, *key)?;
        match entry.to == self.to && self.content.is_same(&entry.body) {
            true => Ok(message(entry)),
            false => Err(Refusal::IdReused.into()),
        }
    }

    /// The bytes of the sender's files including this one, if the file fits into the quota.
    fn usage_after(&self, tables: &mut dyn Read) -> Result<Option<u64>, ApplyError> {
        let Content::File { file, quota, .. } = &self.content else { return Ok(None) };
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

    fn append(&self, tables: &mut dyn Write) -> Result<(MessageKey, LogEntry), ApplyError> {
        let head = logs::head(tables, &self.to)?;
        let entry = self.entry(head.last.next());
        let key = next_message_key(tables)?;
        rows::put(tables, Table::Messages, &keys::message(key), &entry)?;
        append(tables, &self.to, head, Place { key, is_copy: false }, &entry)?;
        let own = Address::User(self.from.clone());
        match &self.to {
            // A note to oneself has no copy, and is unread like any other message.
            to if *to == own => {}
            Address::User(_) => {
                let head = logs::head(tables, &own)?;
                append(tables, &own, head, Place { key, is_copy: true }, &entry)?;
            }
            Address::Group(_) => mark_own(tables, &self.from, &self.to, [entry.sequence])?,
        }
        Ok((key, entry))
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

/// The next message key of this writer.
fn next_message_key(tables: &mut dyn Write) -> Result<MessageKey, Stop> {
    let writer = tables.writer();
    let key = keys::last_message(writer);
    let last: Option<MessageKey> = rows::find(tables, Table::LastMessages, &key, "last message")?;
    let next = last.unwrap_or(MessageKey::before_first(writer)).next();
    rows::put(tables, Table::LastMessages, &key, &next)?;
    Ok(next)
}

/// Lists a message in a log, which has this head.
fn append(
    tables: &mut dyn Write,
    log: &Address,
    head: LogHead,
    place: Place,
    entry: &LogEntry,
) -> Result<(), Stop> {
    let chunk = logs::append(tables, log, head, place)?;
    // The copies among the newest messages count as read by their place alone, so that a send changes no marker.
    let copies = chunk.into_iter().filter(|(_, place)| place.is_copy);
    let copies: Vec<_> = copies.map(|(sequence, _)| sequence).collect();
    if let Address::User(owner) = log
        && !copies.is_empty()
    {
        mark_own(tables, owner, log, copies)?;
    }
    if let Body::File(file) = &entry.body {
        for name in keys::names_of(file) {
            let key = keys::file_name(log, &name, Some(&file.name));
            rows::put(tables, Table::FileNames, &key, &place.key)?;
        }
    }
    Ok(())
}

/// Marks messages as read by their sender.
fn mark_own(
    tables: &mut dyn Write,
    user: &UserName,
    log: &Address,
    sequences: impl IntoIterator<Item = Sequence>,
) -> Result<(), Stop> {
    let key = keys::marker(user, log);
    let ranges = rows::find(tables, Table::ReadMarkers, &key, "read marker")?;
    let mut ranges: RangeSet = ranges.unwrap_or_default();
    for sequence in sequences {
        ranges.insert(SequenceRange { first: sequence, last: sequence });
    }
    rows::put(tables, Table::ReadMarkers, &key, &ranges)
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
