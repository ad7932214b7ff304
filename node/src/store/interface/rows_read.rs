//! Counts the rows that a command reads and writes, also the rows that its answer leaves out.
//!
//! Queries and changes use their engine only through [`Counted`], so every access is counted.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;

use super::access::{Read, Row, Stop, Write};
use super::needs::Needs;
use super::range::Range;
use super::table::Table;
use super::writer_number::WriterNumber;
use crate::store::free_space::FreeSpaceNow;

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
}

/// An engine whose accesses are counted.
pub(in crate::store) struct Counted<'engine, E: ?Sized> {
    engine: &'engine mut E,
    rows: usize,
}

impl<'engine, E: ?Sized> Counted<'engine, E> {
    pub(in crate::store) fn of(engine: &'engine mut E) -> Self {
        Self { engine, rows: 0 }
    }

    /// The number of rows that were read and written.
    pub(in crate::store) fn rows(&self) -> usize {
        self.rows
    }

    /// Adds a row with a value of `bytes` bytes.
    fn add_row(&mut self, bytes: usize) {
        self.rows += 1 + bytes / BYTES_PER_ROW;
    }
}

impl<E: Read + ?Sized> Read for Counted<'_, E> {
    /// A missing row counts as one row.
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        let found = self.engine.get(table, key)?;
        self.add_row(found.as_ref().map_or(0, Bytes::len));
        Ok(found)
    }

    fn get_all(&mut self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Stop> {
        let found = self.engine.get_all(table, keys)?;
        found.iter().for_each(|value| self.add_row(value.as_ref().map_or(0, Bytes::len)));
        Ok(found)
    }

    fn range(&mut self, range: &Range) -> Result<Vec<Row>, Stop> {
        let rows = self.engine.range(range)?;
        rows.iter().for_each(|(_, value)| self.add_row(value.len()));
        Ok(rows)
    }

    fn expect(&mut self, needs: &dyn Fn() -> Needs) {
        self.engine.expect(needs);
    }
}

impl<E: Write + ?Sized> Write for Counted<'_, E> {
    fn put(&mut self, table: Table, key: &[u8], value: Bytes) -> Result<(), Stop> {
        self.add_row(value.len());
        self.engine.put(table, key, value)
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Stop> {
        self.add_row(0);
        self.engine.remove(table, key)
    }

    fn writer(&self) -> WriterNumber {
        self.engine.writer()
    }

    fn free_space(&self) -> FreeSpaceNow {
        self.engine.free_space()
    }
}
