//! The tables. Each name is written once, here. Keys are those of `keys`, values are the versioned records of
//! `records`.

use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, WriteTransaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::records;
use super::rows_read::{CountedReads, Definition, RowsRead, Snapshot};
use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;

/// The `format` of the store, and `batches`, the number of committed write transactions.
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

const BATCHES: &str = "batches";

/// The format of the store as a whole.
pub(in crate::store) const FORMAT: u64 = 1;

macro_rules! tables {
    ($($(#[$doc:meta])* $field:ident: $constant:ident = $name:literal,)*) => {
        $($(#[$doc])* pub(in crate::store) const $constant: Definition = Definition::new($name);)*

        /// Every table except `META`.
        #[cfg(any(test, fuzzing))]
        pub(in crate::store) const ALL: &[Definition] = &[$($constant),*];

        /// Every table except `META`, opened in one write transaction for the changes of a batch.
        pub(crate) struct Tables<'transaction> {
            $(pub(in crate::store) $field: CountedReads<Table<'transaction, &'static [u8], &'static [u8]>>,)*
            /// The free space on the disk at the start of the batch.
            pub(in crate::store) free_space: FreeSpaceNow,
            /// The rows that the current change has read and written.
            pub(in crate::store) rows_read: RowsRead,
        }

        impl<'transaction> Tables<'transaction> {
            /// Opens every table for writing.
            pub(in crate::store) fn open(
                transaction: &'transaction WriteTransaction,
                free_space: FreeSpaceNow,
            ) -> Result<Self, StoreError> {
                let rows_read = RowsRead::default();
                Ok(Self {
                    $($field: CountedReads::of(transaction.open_table($constant)?, &rows_read),)*
                    free_space,
                    rows_read,
                })
            }
        }
    };
}

tables! {
    /// user → `AccountRecord`
    accounts: ACCOUNTS = "accounts",
    /// token hash → `SessionRecord`
    sessions: SESSIONS = "sessions",
    /// user, token hash → time of the session's last use
    sessions_of_user: SESSIONS_OF_USER = "sessions_of_user",
    /// group → `GroupRecord`
    groups: GROUPS = "groups",
    /// group, user → `MembershipRecord`
    members: MEMBERS = "members",
    /// user, group → `MembershipRecord`: an index of `members` by user
    groups_of_user: GROUPS_OF_USER = "groups_of_user",
    /// log → last sequence number of the log
    logs: LOGS = "logs",
    /// log, sequence number → `LogEntry`
    entries: ENTRIES = "entries",
    /// user, log → `RangeSet` of the messages that the user was shown
    read_markers: READ_MARKERS = "read_markers",
    /// user, log → `RangeSet` of the messages that a device of the user has received
    delivery_markers: DELIVERY_MARKERS = "delivery_markers",
    /// user, id chosen by the client → `CommandEffect`
    requests: REQUESTS = "requests",
    /// log, one of the file's names (see `keys::names_of`), stored name → sequence number of the file's message
    files: FILES = "files",
    /// stored name → `StoredFileRecord`
    stored_files: STORED_FILES = "stored_files",
    /// user → bytes of the user's sent files that have not expired
    usage: USAGE = "usage",
}

/// Creates the tables of an empty store.
pub(in crate::store) fn create(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    drop(Tables::open(&transaction, FreeSpaceNow::unlimited())?);
    transaction.open_table(META)?.insert("format", FORMAT)?;
    Ok(transaction.commit()?)
}

/// The format of a store.
pub(in crate::store) fn format(database: &Database) -> Result<u64, StoreError> {
    let transaction = database.begin_read()?;
    let meta = transaction.open_table(META)?;
    meta.get("format")?.map(|format| format.value()).ok_or(StoreError::Damaged("format"))
}

/// Increments the number of transactions, inside of the transaction. If a later read finds the number, the
/// transaction is durable.
pub(in crate::store) fn count_batch(transaction: &WriteTransaction) -> Result<u64, StoreError> {
    let mut meta = transaction.open_table(META)?;
    let before = meta.get(BATCHES)?.map_or(0, |batches| batches.value());
    let number = before.wrapping_add(1);
    meta.insert(BATCHES, number)?;
    Ok(number)
}

/// The number of the last committed transaction.
pub(in crate::store) fn batches(database: &Database) -> Result<u64, StoreError> {
    let meta = database.begin_read()?.open_table(META)?;
    Ok(meta.get(BATCHES)?.map_or(0, |batches| batches.value()))
}

/// The record under `key`, if there is one. `what` names the record in the error about a damaged one.
pub(in crate::store) fn lookup<V: DeserializeOwned>(
    table: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    key: &[u8],
    what: &'static str,
) -> Result<Option<V>, StoreError> {
    let found = table.get(key)?;
    found.map(|bytes| records::decode(bytes.value(), what)).transpose()
}

/// [`lookup`] in a table of a snapshot.
pub(in crate::store) fn find<V: DeserializeOwned>(
    snapshot: &Snapshot,
    table: Definition,
    key: &[u8],
    what: &'static str,
) -> Result<Option<V>, StoreError> {
    lookup(&snapshot.open_table(table)?, key, what)
}

/// Inserts a record, or replaces the one under this key.
pub(in crate::store) fn put(
    table: &mut CountedReads<Table<'_, &'static [u8], &'static [u8]>>,
    key: &[u8],
    record: &impl Serialize,
) -> Result<(), StoreError> {
    Ok(table.insert(key, &records::encode(record))?)
}
