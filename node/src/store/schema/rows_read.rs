//! Counts the rows that a command reads and writes, also the rows that its answer leaves out.
//!
//! Queries and changes use the tables only through [`CountedReads`], so every access is counted.

use std::future::Future;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redb::{
    AccessGuard, Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    StorageError, Table, TableDefinition,
};

use crate::store::error::StoreError;

/// The bytes of a value that count as one more row, because they have to be read and decoded.
const BYTES_PER_ROW: usize = 1024;

tokio::task_local! {
    static OF_THIS_TASK: RowsRead;
}

/// A counter of rows. Clones share the counter.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowsRead(Arc<AtomicUsize>);

impl RowsRead {
    /// Runs `work`, and counts here the rows that the store reads and writes for it.
    pub(crate) async fn count<T>(&self, work: impl Future<Output = T>) -> T {
        OF_THIS_TASK.scope(self.clone(), work).await
    }

    /// The counter of the running task, or an unused counter if nobody counts for this task.
    pub(crate) fn of_this_task() -> Self {
        OF_THIS_TASK.try_with(Self::clone).unwrap_or_default()
    }

    /// The rows since the last call of `take`.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }

    /// Adds rows.
    pub(crate) fn add(&self, rows: usize) {
        self.0.fetch_add(rows, Ordering::Relaxed);
    }

    /// Adds a row with a value of `bytes` bytes.
    fn add_row(&self, bytes: usize) {
        self.add(1 + bytes / BYTES_PER_ROW);
    }
}

/// The definition of a table of records.
pub(in crate::store) type Definition = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// A read transaction, whose reads are counted.
pub(in crate::store) struct Snapshot {
    transaction: ReadTransaction,
    rows_read: RowsRead,
}

impl Snapshot {
    /// A snapshot of the current state.
    pub(in crate::store) fn of(
        database: &Database,
        rows_read: &RowsRead,
    ) -> Result<Self, StoreError> {
        Ok(Self { transaction: database.begin_read()?, rows_read: rows_read.clone() })
    }

    pub(in crate::store) fn open_table(
        &self,
        definition: Definition,
    ) -> Result<CountedTable, StoreError> {
        Ok(CountedReads::of(self.transaction.open_table(definition)?, &self.rows_read))
    }
}

/// A table whose accesses are counted.
pub(in crate::store) struct CountedReads<T> {
    table: T,
    rows_read: RowsRead,
}

/// A table of a snapshot.
pub(in crate::store) type CountedTable = CountedReads<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// The key and the value of a row.
type Row<'table> = (AccessGuard<'table, &'static [u8]>, AccessGuard<'table, &'static [u8]>);

/// An iterator over rows in the order of their keys.
pub(in crate::store) type Rows<'table> =
    Box<dyn DoubleEndedIterator<Item = Result<Row<'table>, StorageError>> + 'table>;

impl<T> CountedReads<T> {
    pub(in crate::store) fn of(table: T, rows_read: &RowsRead) -> Self {
        Self { table, rows_read: rows_read.clone() }
    }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> CountedReads<T> {
    /// The value under a key. A missing row counts as one row.
    pub(in crate::store) fn get(
        &self,
        key: &[u8],
    ) -> Result<Option<AccessGuard<'_, &'static [u8]>>, StorageError> {
        let found = self.table.get(key)?;
        self.rows_read.add_row(found.as_ref().map_or(0, |value| value.value().len()));
        Ok(found)
    }

    /// The rows of a range. Each row is counted when the iterator returns it.
    pub(in crate::store) fn range<'key>(
        &self,
        range: impl RangeBounds<&'key [u8]> + 'key,
    ) -> Result<Rows<'_>, StorageError> {
        let rows = self.table.range(range)?;
        Ok(Box::new(rows.inspect(|row| {
            self.rows_read.add_row(row.as_ref().map_or(0, |(_, value)| value.value().len()));
        })))
    }
}

impl CountedReads<Table<'_, &'static [u8], &'static [u8]>> {
    /// Inserts a row, or replaces the one under this key.
    pub(in crate::store) fn insert(
        &mut self,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StorageError> {
        self.rows_read.add_row(value.len());
        self.table.insert(key, value)?;
        Ok(())
    }

    /// Removes a row, if it exists.
    pub(in crate::store) fn remove(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.rows_read.add_row(0);
        self.table.remove(key)?;
        Ok(())
    }
}
