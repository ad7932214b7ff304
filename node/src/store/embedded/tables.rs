//! The tables in a redb file.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use bytes::Bytes;
use redb::{
    AccessGuard, Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    StorageError, TableDefinition, WriteTransaction,
};

use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::{Range, Read, Row, Stop, Table, Write, WriterNumber};

/// The `format` of the store, and `batches`, the number of committed write transactions.
const META: TableDefinition<'static, &'static str, u64> = TableDefinition::new("meta");

const BATCHES: &str = "batches";

/// The format of the store as a whole.
pub(in crate::store) const FORMAT: u64 = 2;

/// A table of rows.
pub(super) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

fn definition(table: Table) -> Definition {
    Definition::new(table.name())
}

/// The rows of a write transaction.
pub(in crate::store) struct WriteTables<'transaction> {
    transaction: &'transaction WriteTransaction,
    opened: BTreeMap<Table, redb::Table<'transaction, &'static [u8], &'static [u8]>>,
    free_space: FreeSpaceNow,
}

impl<'transaction> WriteTables<'transaction> {
    pub(in crate::store) fn of(
        transaction: &'transaction WriteTransaction,
        free_space: FreeSpaceNow,
    ) -> Self {
        Self { transaction, opened: BTreeMap::new(), free_space }
    }

    fn table(
        &mut self,
        table: Table,
    ) -> Result<&mut redb::Table<'transaction, &'static [u8], &'static [u8]>, StoreError> {
        match self.opened.entry(table) {
            Entry::Occupied(opened) => Ok(opened.into_mut()),
            Entry::Vacant(closed) => {
                Ok(closed.insert(self.transaction.open_table(definition(table))?))
            }
        }
    }
}

impl Read for WriteTables<'_> {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        Ok(get(self.table(table)?, key)?)
    }

    fn range(&mut self, range: &Range) -> Result<Vec<Row>, Stop> {
        Ok(rows(self.table(range.table)?, range)?)
    }
}

impl Write for WriteTables<'_> {
    fn put(&mut self, table: Table, key: &[u8], value: Bytes) -> Result<(), Stop> {
        self.table(table)?.insert(key, &*value).map_err(StoreError::from)?;
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Stop> {
        self.table(table)?.remove(key).map_err(StoreError::from)?;
        Ok(())
    }

    fn writer(&self) -> WriterNumber {
        WriterNumber::ONLY
    }

    fn free_space(&self) -> FreeSpaceNow {
        self.free_space
    }
}

/// The rows of a read transaction.
pub(in crate::store) struct Snapshot {
    transaction: ReadTransaction,
    opened: BTreeMap<Table, ReadOnlyTable<&'static [u8], &'static [u8]>>,
}

impl Snapshot {
    /// A snapshot of the current state.
    pub(in crate::store) fn of(database: &Database) -> Result<Self, StoreError> {
        Ok(Self { transaction: database.begin_read()?, opened: BTreeMap::new() })
    }

    fn table(
        &mut self,
        table: Table,
    ) -> Result<&ReadOnlyTable<&'static [u8], &'static [u8]>, StoreError> {
        match self.opened.entry(table) {
            Entry::Occupied(opened) => Ok(opened.into_mut()),
            Entry::Vacant(closed) => {
                Ok(closed.insert(self.transaction.open_table(definition(table))?))
            }
        }
    }
}

impl Read for Snapshot {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        Ok(get(self.table(table)?, key)?)
    }

    fn range(&mut self, range: &Range) -> Result<Vec<Row>, Stop> {
        Ok(rows(self.table(range.table)?, range)?)
    }
}

/// A key and a value, on their pages.
type StoredRow<'page> = (AccessGuard<'page, &'static [u8]>, AccessGuard<'page, &'static [u8]>);

fn get(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    key: &[u8],
) -> Result<Option<Bytes>, StoreError> {
    Ok(table.get(key)?.map(|value| Bytes::copy_from_slice(value.value())))
}

fn rows(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    range: &Range,
) -> Result<Vec<Row>, StoreError> {
    // redb panics on a reversed range.
    if range.is_empty() {
        return Ok(Vec::new());
    }
    let rows = table.range(range.first.as_slice()..range.end.as_slice())?;
    let limit =
        range.limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    rows.take(limit).map(copied).collect()
}

fn copied(row: Result<StoredRow<'_>, StorageError>) -> Result<Row, StoreError> {
    let (key, value) = row?;
    Ok((Bytes::copy_from_slice(key.value()), Bytes::copy_from_slice(value.value())))
}

/// Creates the tables of an empty store.
pub(in crate::store) fn create(database: &Database) -> Result<(), StoreError> {
    let mut transaction = database.begin_write()?;
    transaction.set_quick_repair(true);
    create_missing(&transaction)?;
    set_format(&transaction)?;
    Ok(transaction.commit()?)
}

/// Creates the tables that are not there yet.
pub(super) fn create_missing(transaction: &WriteTransaction) -> Result<(), StoreError> {
    for table in Table::ALL {
        drop(transaction.open_table(definition(*table))?);
    }
    Ok(())
}

/// Writes the format of this program.
pub(super) fn set_format(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(META)?.insert("format", FORMAT)?;
    Ok(())
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
