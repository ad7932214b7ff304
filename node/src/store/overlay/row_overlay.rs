//! The rows of all tables, for a batch of changes or for a query.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::missing::MissingRows;
use super::table_rows::{BlindWrites, Look, RowWrites, TableRows, Written};
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::{Needs, Range, Read, Row, Stop, Table, Write, WriterNumber};

/// Rows that were read from an engine, the writes above them, and the rows that are missing.
#[derive(Debug)]
pub(in crate::store) struct RowOverlay {
    writer: WriterNumber,
    tables: BTreeMap<Table, TableRows>,
    missing: MissingRows,
    /// The writes of the current change, each with the row that was written before.
    undo: Vec<(Table, Bytes, Option<Written>)>,
    is_disproved: bool,
}

impl RowOverlay {
    /// An overlay without rows, whose changes are those of this writer.
    pub(in crate::store) fn of(writer: WriterNumber) -> Self {
        Self {
            writer,
            tables: BTreeMap::new(),
            missing: MissingRows::default(),
            undo: Vec::new(),
            is_disproved: false,
        }
    }

    /// Begins a change: a later [`undo`](Self::undo) keeps the writes up to here.
    pub(in crate::store) fn begin(&mut self) {
        self.undo.clear();
    }

    /// Undoes the writes of the current change.
    pub(in crate::store) fn undo(&mut self) {
        while let Some((table, key, before)) = self.undo.pop() {
            self.table(table).restore(&key, before);
        }
    }

    /// Forgets all writes, and keeps the rows that were read.
    pub(in crate::store) fn forget_writes(&mut self) {
        self.undo.clear();
        self.is_disproved = false;
        self.tables.values_mut().for_each(TableRows::forget_writes);
    }

    /// Assumes that there is no row under this key, if the key is not known.
    pub(in crate::store) fn assume_absent(&mut self, table: Table, key: Bytes) {
        self.table(table).assume_absent(key);
    }

    /// Takes the rows that the changes or the query needed and that are not known.
    pub(in crate::store) fn take_missing(&mut self) -> MissingRows {
        std::mem::take(&mut self.missing)
    }

    /// The rows whose absence was assumed and used, and is not proven by an insertion.
    pub(in crate::store) fn unproven(&self) -> MissingRows {
        let mut unproven = MissingRows::default();
        for (table, rows) in &self.tables {
            unproven.rows.extend(rows.unproven().map(|key| (*table, key.clone())));
        }
        unproven
    }

    /// Enters a row that was read.
    pub(in crate::store) fn learn(&mut self, table: Table, key: Bytes, value: Option<Bytes>) {
        self.is_disproved |= self.table(table).learn(key, value);
    }

    /// Enters the rows of a range that was read, in the order of the range and up to its limit.
    pub(in crate::store) fn learn_range(&mut self, range: &Range, rows: Vec<Row>) {
        self.is_disproved |= self.table(range.table).learn_range(range, rows);
    }

    /// Whether a row was read whose absence was assumed before, and used by a change.
    pub(in crate::store) fn is_disproved(&self) -> bool {
        self.is_disproved
    }

    /// The keys of all written rows.
    pub(in crate::store) fn written(&self) -> impl Iterator<Item = (Table, &Bytes)> {
        let tables = self.tables.iter();
        tables.flat_map(|(table, rows)| rows.written().map(|key| (*table, key)))
    }

    /// The rows to write.
    pub(in crate::store) fn writes(&self, blind: BlindWrites) -> RowWrites {
        let mut writes = RowWrites::default();
        for (table, rows) in &self.tables {
            rows.add_writes(*table, blind, &mut writes);
        }
        writes
    }

    fn table(&mut self, table: Table) -> &mut TableRows {
        self.tables.entry(table).or_default()
    }

    fn write(&mut self, table: Table, key: &[u8], value: Written) {
        let key = Bytes::copy_from_slice(key);
        let before = self.table(table).write(key.clone(), value);
        self.undo.push((table, key, before));
    }
}

impl Read for RowOverlay {
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Stop> {
        let found = self.table(table).get(key);
        found.ok_or_else(|| {
            self.missing.add_row(table, key);
            Stop::Missing
        })
    }

    /// Notes all missing rows, so that they are read together.
    fn get_all(&mut self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Stop> {
        let found: Vec<_> = keys.iter().map(|key| self.get(table, key)).collect();
        found.into_iter().collect()
    }

    fn range(&mut self, range: &Range) -> Result<Vec<Row>, Stop> {
        match self.table(range.table).range(range) {
            Look::Rows(rows) => Ok(rows),
            Look::Missing(rest) => {
                self.missing.add_range(rest);
                Err(Stop::Missing)
            }
        }
    }

    fn expect(&mut self, needs: &dyn Fn() -> Needs) {
        let needs = needs();
        for (table, key) in needs.rows {
            if !self.table(table).is_known(&key) {
                self.missing.add_row(table, &key);
            }
        }
        for range in needs.ranges {
            if let Look::Missing(rest) = self.table(range.table).range(&range) {
                self.missing.add_range(rest);
            }
        }
    }
}

impl Write for RowOverlay {
    fn put(&mut self, table: Table, key: &[u8], value: Bytes) -> Result<(), Stop> {
        self.write(table, key, Some(value));
        Ok(())
    }

    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Stop> {
        self.write(table, key, None);
        Ok(())
    }

    fn writer(&self) -> WriterNumber {
        self.writer
    }

    /// The servers do not see the disk of the engine. The engine reports a full disk by itself.
    fn free_space(&self) -> FreeSpaceNow {
        FreeSpaceNow::unlimited()
    }
}

#[cfg(test)]
mod tests;
