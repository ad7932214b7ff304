//! The tables, each named once. Keys are bytes that sort as we read them; values are versioned records.

use qchat_proto::{
    Address, ClientId, File, FileName, FolderPath, GroupName, Sequence, StoredName, UserName,
};
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::StoreError;
use super::free_space::FreeSpaceNow;
use super::records;
use super::rows_read::{CountedReads, RowsRead, Snapshot};

pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Facts about the store itself: `format`, and `batches`, how many transactions have changed it.
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

const BATCHES: &str = "batches";

/// The format of the store as a whole.
pub(super) const FORMAT: u64 = 1;

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $constant:ident = $name:literal,)*) => {
        $($(#[$doc])* pub(super) const $constant: Definition = Definition::new($name);)*

        /// Every table but the one with the facts about the store itself.
        #[cfg(any(test, fuzzing))]
        pub(super) const ALL: &[Definition] = &[$($constant),*];

        /// Every table, open for one change after the other.
        pub(crate) struct Tables<'transaction> {
            $(pub(super) $field: CountedReads<Table<'transaction, &'static [u8], &'static [u8]>>,)*
            /// What is left of the disk.
            pub(super) room: FreeSpaceNow,
            /// The rows of all tables that were looked at, and are nobody's yet.
            pub(super) rows_read: RowsRead,
        }

        impl<'transaction> Tables<'transaction> {
            /// Opens every table for writing.
            pub(super) fn open(
                transaction: &'transaction WriteTransaction,
                room: FreeSpaceNow,
            ) -> Result<Self, StoreError> {
                let rows_read = RowsRead::default();
                Ok(Self {
                    $($field: CountedReads::of(transaction.open_table($constant)?, &rows_read),)*
                    room,
                    rows_read,
                })
            }
        }
    };
}

tables! {
    /// user → `Account`
    accounts: ACCOUNTS = "accounts",
    /// token hash → `Session`
    sessions: SESSIONS = "sessions",
    /// user, token hash → when the session was used last
    sessions_of_user: SESSIONS_OF_USER = "sessions_of_user",
    /// group → `Group`
    groups: GROUPS = "groups",
    /// group, user → `Membership`
    members: MEMBERS = "members",
    /// user, group → `Membership`: the rows of `members`, found from the other side
    groups_of_user: GROUPS_OF_USER = "groups_of_user",
    /// log → its last sequence number
    logs: LOGS = "logs",
    /// log, sequence number → `Entry`
    entries: ENTRIES = "entries",
    /// user, log → `MarkedRanges`: what they were shown
    read_markers: READ_MARKERS = "read_markers",
    /// user, log → `MarkedRanges`: what a device of theirs has
    delivery_markers: DELIVERY_MARKERS = "delivery_markers",
    /// user, client-made id → `Effect`
    requests: REQUESTS = "requests",
    /// log, one of the file's names (see `names_of`), stored name → sequence number of its message
    files: FILES = "files",
    /// stored name → `StoredFile`
    stored_files: STORED_FILES = "stored_files",
    /// user → bytes of the files that the user sent and that are still kept
    usage: USAGE = "usage",
}

/// Writes the tables of an empty store.
pub(super) fn create(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    drop(Tables::open(&transaction, FreeSpaceNow::boundless())?);
    transaction.open_table(META)?.insert("format", FORMAT)?;
    Ok(transaction.commit()?)
}

/// The format that a store was written in.
pub(super) fn format(database: &Database) -> Result<u64, StoreError> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    meta.get("format")?.map(|format| format.value()).ok_or(StoreError::Damaged("format"))
}

/// Counts a transaction, in itself: where the number is found later, the transaction was committed.
pub(super) fn count_batch(transaction: &WriteTransaction) -> Result<u64, StoreError> {
    let mut meta = transaction.open_table(META)?;
    let before = meta.get(BATCHES)?.map_or(0, |batches| batches.value());
    let number = before.wrapping_add(1);
    meta.insert(BATCHES, number)?;
    Ok(number)
}

/// The number of the last transaction that was committed.
pub(super) fn batches(database: &Database) -> Result<u64, StoreError> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(meta.get(BATCHES)?.map_or(0, |batches| batches.value()))
}

/// The record under `key`, if there is one. `what` names it in the report of a damaged one.
pub(super) fn lookup<V: DeserializeOwned>(
    table: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    key: &[u8],
    what: &'static str,
) -> Result<Option<V>, StoreError> {
    let found = table.get(key)?;
    found.map(|bytes| records::decode(bytes.value(), what)).transpose()
}

/// As [`lookup`], in a table of a snapshot.
pub(super) fn find<V: DeserializeOwned>(
    snapshot: &Snapshot,
    table: Definition,
    key: &[u8],
    what: &'static str,
) -> Result<Option<V>, StoreError> {
    lookup(&snapshot.open_table(table)?, key, what)
}

/// Writes a record, over the one that was there.
pub(super) fn put(
    table: &mut CountedReads<Table<'_, &'static [u8], &'static [u8]>>,
    key: &[u8],
    record: &impl Serialize,
) -> Result<(), StoreError> {
    Ok(table.insert(key, &records::encode(record))?)
}

/// Ends every variable part of a key. No name holds it, so that no key is the beginning of another's.
const END: u8 = 0;

/// Names of users and groups as keys.
pub(super) fn name(name: &str) -> &[u8] {
    name.as_bytes()
}

fn joined(parts: &[&[u8]], last: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for part in parts {
        key.extend_from_slice(part);
        key.push(END);
    }
    key.extend_from_slice(last);
    key
}

/// A log: its kind, its name, and an end.
pub(super) fn log(log: &Address) -> Vec<u8> {
    match log {
        Address::User(user) => joined(&[format!("@{user}").as_bytes()], &[]),
        Address::Group(group) => joined(&[format!("+{group}").as_bytes()], &[]),
    }
}

/// A place in a log.
pub(super) fn entry(address: &Address, sequence: Sequence) -> Vec<u8> {
    let mut key = log(address);
    key.extend_from_slice(&sequence.0.to_be_bytes());
    key
}

/// A member of a group; with `None` where the group's members begin.
pub(super) fn member(group: &GroupName, user: Option<&UserName>) -> Vec<u8> {
    let user = user.map(UserName::as_str).unwrap_or_default();
    joined(&[group.as_str().as_bytes()], user.as_bytes())
}

/// A group of a user; with `None` where the user's groups begin.
pub(super) fn group_of_user(user: &UserName, group: Option<&GroupName>) -> Vec<u8> {
    let group = group.map(GroupName::as_str).unwrap_or_default();
    joined(&[user.as_str().as_bytes()], group.as_bytes())
}

/// What is marked for a user in a log.
pub(super) fn marker(user: &UserName, address: &Address) -> Vec<u8> {
    joined(&[user.as_str().as_bytes()], &log(address))
}

/// A repeatable command of a user.
pub(super) fn request(user: &UserName, id: ClientId) -> Vec<u8> {
    joined(&[user.as_str().as_bytes()], &id.0)
}

/// A session of a user; with an empty hash where the user's sessions begin.
pub(super) fn session_of_user(user: &UserName, token_hash: &[u8]) -> Vec<u8> {
    joined(&[user.as_str().as_bytes()], token_hash)
}

/// What a file can be asked for by: its stored name, and its original one with and without its folders.
/// Without them it stands alone, in the table as in the question.
pub(super) fn names_of(file: &File) -> Vec<String> {
    let alone = FileName::from(file.original.name().as_str());
    let mut names = vec![file.name.to_string(), alone.to_string()];
    if file.original.folder().is_some() {
        names.push(file.original.to_string());
    }
    names
}

/// Where the files of a log begin that are below a folder: those that have a path, which no other name of
/// a file can pass for.
pub(super) fn files_below(address: &Address, folder: &FolderPath) -> Vec<u8> {
    let mut key = log(address);
    key.extend_from_slice(format!("{folder}/").as_bytes());
    key
}

/// A file under one of its names; without the stored name where those of that name begin.
pub(super) fn file(address: &Address, name: &str, stored: Option<&StoredName>) -> Vec<u8> {
    let mut key = log(address);
    let stored = stored.map(StoredName::as_str).unwrap_or_default();
    key.extend_from_slice(&joined(&[name.as_bytes()], stored.as_bytes()));
    key
}
