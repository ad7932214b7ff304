//! How many rows the store looks at, also those that an answer leaves out: the one place that counts them.
//!
//! Questions and changes reach the tables through [`CountedReads`] alone, so none can look without being counted.

use std::future::Future;
use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use redb::{
    AccessGuard, Database, ReadOnlyTable, ReadTransaction, ReadableDatabase, ReadableTable,
    StorageError, Table,
};

use super::error::StoreError;
use super::tables::Definition;

/// A row counts once more for so many bytes of its value: those have to be read and decoded.
const BYTES_A_ROW: usize = 1024;

tokio::task_local! {
    static OF_THIS_TASK: RowsRead;
}

/// A number of rows. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct RowsRead(Arc<AtomicUsize>);

impl RowsRead {
    /// Does some work, and counts here what the store looks at for it.
    pub(crate) async fn count<T>(&self, work: impl Future<Output = T>) -> T {
        OF_THIS_TASK.scope(self.clone(), work).await
    }

    /// The count of the work that asks. Work that nobody counts has one of its own.
    pub(crate) fn of_this_work() -> Self {
        OF_THIS_TASK.try_with(Self::clone).unwrap_or_default()
    }

    /// The rows since they were taken last.
    pub(crate) fn take(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }

    /// Adds rows.
    pub(crate) fn add(&self, rows: usize) {
        self.0.fetch_add(rows, Ordering::Relaxed);
    }

    /// Adds a row with a value of so many bytes.
    fn add_row(&self, bytes: usize) {
        self.add(1 + bytes / BYTES_A_ROW);
    }
}

/// What lies in the tables at one moment.
pub(super) struct Snapshot {
    transaction: ReadTransaction,
    rows_read: RowsRead,
}

impl Snapshot {
    /// A snapshot of now.
    pub(super) fn of(database: &Database, rows_read: &RowsRead) -> Result<Self, StoreError> {
        Ok(Self { transaction: database.begin_read()?, rows_read: rows_read.clone() })
    }

    pub(super) fn open_table(&self, definition: Definition) -> Result<CountedTable, StoreError> {
        Ok(CountedReads::of(self.transaction.open_table(definition)?, &self.rows_read))
    }
}

/// A table of bytes whose rows are counted as they are looked at.
pub(super) struct CountedReads<T> {
    table: T,
    rows_read: RowsRead,
}

/// A table of a snapshot.
pub(super) type CountedTable = CountedReads<ReadOnlyTable<&'static [u8], &'static [u8]>>;

/// A row's key and value.
type Row<'table> = (AccessGuard<'table, &'static [u8]>, AccessGuard<'table, &'static [u8]>);

/// Rows in the order of their keys.
pub(super) type Rows<'table> =
    Box<dyn DoubleEndedIterator<Item = Result<Row<'table>, StorageError>> + 'table>;

impl<T> CountedReads<T> {
    pub(super) fn of(table: T, rows_read: &RowsRead) -> Self {
        Self { table, rows_read: rows_read.clone() }
    }
}

impl<T: ReadableTable<&'static [u8], &'static [u8]>> CountedReads<T> {
    /// The value under a key. To find none is to have looked.
    pub(super) fn get(
        &self,
        key: &[u8],
    ) -> Result<Option<AccessGuard<'_, &'static [u8]>>, StorageError> {
        let found = self.table.get(key)?;
        self.rows_read.add_row(found.as_ref().map_or(0, |value| value.value().len()));
        Ok(found)
    }

    /// The rows of a range, each counted when it is reached.
    pub(super) fn range<'key>(
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
    /// Writes a row, over the one that was there.
    pub(super) fn insert(&mut self, key: &[u8], value: &[u8]) -> Result<(), StorageError> {
        self.rows_read.add_row(value.len());
        self.table.insert(key, value)?;
        Ok(())
    }

    /// Removes a row, if it is there.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<(), StorageError> {
        self.rows_read.add_row(0);
        self.table.remove(key)?;
        Ok(())
    }
}
