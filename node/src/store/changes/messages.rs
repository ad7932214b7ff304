//! Posts: messages and files, to people and groups.

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, Body, ClientId, File, Message, MessageId, MessageText, Refusal, Sequence, Timestamp,
    UserName,
};

use super::{ApplyError, Change, check, earlier_effect, record_effect};
use crate::store::error::StoreError;
use crate::store::notification::Notification;
use crate::store::permission::Act;
use crate::store::records::{Effect, Entry, MarkedRanges, StoredFile};
use crate::store::tables::{self, Tables};

/// Sends a message: appends it to the log of its receiver, and for a person a copy to the sender's
/// own. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct Post {
    pub(crate) id: ClientId,
    pub(crate) from: UserName,
    pub(crate) to: Address,
    pub(crate) at: Timestamp,
    pub(crate) content: Content,
}

/// What is sent.
#[derive(Debug, Clone)]
pub(crate) enum Content {
    /// A text.
    Text(MessageText),
    /// A file that lies in the upload folder, durable, under its final name.
    File {
        file: File,
        /// How many bytes all files of the sender may have.
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

    fn notifications(&self, _: &Message) -> Vec<Notification> {
        let receiver = Notification::Log(self.to.clone());
        match &self.to {
            Address::User(_) => vec![receiver, Notification::Log(Address::User(self.from.clone()))],
            Address::Group(_) => vec![receiver],
        }
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<Message, ApplyError> {
        if let Some(effect) = earlier_effect(tables, &self.from, self.id)? {
            return self.repeated(tables, &effect);
        }
        check(tables, &self.from, Act::Write(&self.to))?;
        tables.room.admit_growth()?;
        let usage = self.usage_after(tables)?;
        let entry = self.append(tables)?;
        if let (Some(usage), Body::File(file)) = (usage, &entry.body) {
            tables::put(&mut tables.usage, tables::name(self.from.as_str()), &usage)?;
            let stored = StoredFile { sender: self.from.clone(), size: file.size, expired: None };
            tables::put(&mut tables.stored_files, tables::name(file.name.as_str()), &stored)?;
        }
        let effect = Effect::Message(self.to.clone(), entry.sequence);
        record_effect(tables, &self.from, self.id, &effect)?;
        Ok(message(entry))
    }
}

impl Post {
    /// The first answer again, where the content is the same.
    fn repeated(&self, tables: &Tables<'_>, effect: &Effect) -> Result<Message, ApplyError> {
        let Effect::Message(log, sequence) = effect else { return Err(Refusal::IdReused.into()) };
        let key = tables::entry(log, *sequence);
        let entry: Option<Entry> = tables::lookup(&tables.entries, &key, "message")?;
        let entry = entry.ok_or(StoreError::Damaged("request"))?;
        match entry.to == self.to && self.content.is_same(&entry.body) {
            true => Ok(message(entry)),
            false => Err(Refusal::IdReused.into()),
        }
    }

    /// What the sender's files take with this one, for a file that fits into the quota.
    fn usage_after(&self, tables: &Tables<'_>) -> Result<Option<u64>, ApplyError> {
        let Content::File { file, quota } = &self.content else { return Ok(None) };
        let key = tables::name(self.from.as_str());
        let used: u64 = tables::lookup(&tables.usage, key, "usage")?.unwrap_or_default();
        let after = used.saturating_add(file.size);
        match quota {
            Some(quota) if after > *quota => {
                Err(Refusal::QuotaExceeded { size: file.size, used, quota: *quota }.into())
            }
            _ => Ok(Some(after)),
        }
    }

    fn append(&self, tables: &mut Tables<'_>) -> Result<Entry, ApplyError> {
        let sequence = append(tables, &self.to, |sequence| self.entry(sequence))?;
        let entry = self.entry(sequence);
        let own = Address::User(self.from.clone());
        match &self.to {
            // A note to oneself is there once, and unread like any other message.
            to if *to == own => {}
            Address::User(_) => {
                let copy = append(tables, &own, |_| entry.clone())?;
                mark_own(tables, &self.from, &own, copy)?;
            }
            Address::Group(_) => mark_own(tables, &self.from, &self.to, sequence)?,
        }
        Ok(entry)
    }

    fn entry(&self, sequence: Sequence) -> Entry {
        Entry {
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

    /// Whether an earlier message says the same. A file that was sent again was stored under another
    /// name.
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

/// Puts an entry at the end of a log and returns its place there.
fn append(
    tables: &mut Tables<'_>,
    log: &Address,
    entry: impl FnOnce(Sequence) -> Entry,
) -> Result<Sequence, ApplyError> {
    let key = tables::log(log);
    let last: Option<Sequence> = tables::lookup(&tables.logs, &key, "log")?;
    let sequence = last.unwrap_or(Sequence(0)).next();
    let entry = entry(sequence);
    tables::put(&mut tables.logs, &key, &sequence)?;
    tables::put(&mut tables.entries, &tables::entry(log, sequence), &entry)?;
    if let Body::File(file) = &entry.body {
        for name in tables::names_of(file) {
            let key = tables::file(log, &name, Some(&file.name));
            tables::put(&mut tables.files, &key, &sequence)?;
        }
    }
    Ok(sequence)
}

/// What I wrote myself I have read.
fn mark_own(
    tables: &mut Tables<'_>,
    user: &UserName,
    log: &Address,
    sequence: Sequence,
) -> Result<(), ApplyError> {
    let key = tables::marker(user, log);
    let ranges = tables::lookup(&tables.read_markers, &key, "read marker")?;
    let mut ranges: MarkedRanges = ranges.unwrap_or_default();
    ranges.insert(SequenceRange { first: sequence, last: sequence });
    Ok(tables::put(&mut tables.read_markers, &key, &ranges)?)
}

/// The message as its sender sees it.
fn message(entry: Entry) -> Message {
    Message {
        id: MessageId { log: entry.to, sequence: entry.sequence },
        from: entry.from,
        at: entry.at,
        body: entry.body,
        unread: false,
    }
}
