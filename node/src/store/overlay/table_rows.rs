//! The known and the written rows of one table.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::known_ranges::KnownRanges;
use crate::store::interface::{Range, Row, Table};

/// The row of a key in the engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Absence {
    /// The engine was asked.
    Read,
    /// The engine was not asked. Its insertion finds out.
    Assumed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Stored {
    Unknown,
    Absent(Absence),
    Present(Bytes),
}

/// A written value, or `None` for a removed row.
pub(super) type Written = Option<Bytes>;

#[derive(Debug)]
struct Cell {
    stored: Stored,
    written: Option<Written>,
    /// Whether a change or a query has seen the stored row.
    was_seen: bool,
}

impl Cell {
    fn of(stored: Stored) -> Self {
        Self { stored, written: None, was_seen: false }
    }

    /// The value in front, if it is known.
    fn value(&self) -> Option<Option<&Bytes>> {
        match (&self.written, &self.stored) {
            (Some(written), _) => Some(written.as_ref()),
            (None, Stored::Unknown) => None,
            (None, Stored::Absent(_)) => Some(None),
            (None, Stored::Present(value)) => Some(Some(value)),
        }
    }
}

/// The way to write a row that was not read before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum BlindWrites {
    /// As a new row. An existing row is an error of the engine, and nothing is written.
    Insert,
    /// As a new row, or in place of an existing one.
    Upsert,
}

/// The rows to write, by the kind of their statement.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::store) struct RowWrites {
    /// New rows.
    pub(in crate::store) inserts: Vec<(Table, Bytes, Bytes)>,
    /// Rows that exist, or that may exist.
    pub(in crate::store) upserts: Vec<(Table, Bytes, Bytes)>,
    /// Rows to remove, if they exist.
    pub(in crate::store) deletes: Vec<(Table, Bytes)>,
}

/// The rows of one table.
#[derive(Debug, Default)]
pub(super) struct TableRows {
    cells: BTreeMap<Bytes, Cell>,
    known: KnownRanges,
}

/// A look at rows, of which some may be missing.
pub(super) enum Look {
    Rows(Vec<Row>),
    /// This part of the range is not known yet.
    Missing(Range),
}

impl TableRows {
    /// The value of a key; `None` if it is not known.
    pub(super) fn get(&mut self, key: &[u8]) -> Option<Option<Bytes>> {
        match self.cells.get_mut(key) {
            Some(cell) => {
                cell.was_seen |= cell.written.is_none();
                cell.value().map(Option::<&Bytes>::cloned)
            }
            None => self.known.contains(key).then_some(None),
        }
    }

    /// Whether a look at the key needs no reading.
    pub(super) fn is_known(&self, key: &[u8]) -> bool {
        match self.cells.get(key) {
            Some(cell) => cell.value().is_some(),
            None => self.known.contains(key),
        }
    }

    /// The rows of a range of this table.
    pub(super) fn range(&self, range: &Range) -> Look {
        let limit = range.limit.map_or(usize::MAX, as_count);
        let (first, end) = (range.first.as_slice(), range.end.as_slice());
        if range.is_empty() || limit == 0 {
            return Look::Rows(Vec::new());
        }
        // The part of the range that is known, from its beginning on.
        let known_end = self.known.end_from(first).unwrap_or(first).min(end);
        let cells = self.cells_in(first, known_end);
        let row = |(key, cell): (&Bytes, &Cell)| {
            let value = cell.value().flatten()?;
            Some((key.clone(), value.clone()))
        };
        let rows: Vec<Row> = cells.filter_map(row).take(limit).collect();
        if rows.len() == limit || known_end == end {
            return Look::Rows(rows);
        }
        let mut rest = range.clone();
        rest.first = known_end.to_vec();
        let removed = self.cells_in(&rest.first, &rest.end);
        let removed = removed.filter(|(_, cell)| cell.written == Some(None)).count();
        let needed = (limit - rows.len()).saturating_add(removed);
        rest.limit = range.limit.and(u32::try_from(needed).ok());
        Look::Missing(rest)
    }

    fn cells_in(&self, first: &[u8], end: &[u8]) -> impl Iterator<Item = (&Bytes, &Cell)> {
        let bounds = (Bound::Included(first), Bound::Excluded(end));
        // A `BTreeMap` panics on a reversed range.
        let cells = (first <= end).then(|| self.cells.range::<[u8], _>(bounds));
        cells.into_iter().flatten()
    }

    /// Writes a row, or removes it. Returns the row that was written before.
    pub(super) fn write(&mut self, key: Bytes, value: Written) -> Option<Written> {
        let Self { cells, known } = self;
        let stored = |key: &[u8]| match known.contains(key) {
            true => Stored::Absent(Absence::Read),
            false => Stored::Unknown,
        };
        let new = Cell::of(stored(&key));
        cells.entry(key).or_insert(new).written.replace(value)
    }

    /// Undoes a write.
    pub(super) fn restore(&mut self, key: &[u8], before: Option<Written>) {
        if let Some(cell) = self.cells.get_mut(key) {
            cell.written = before;
        }
    }

    /// Forgets what was written.
    pub(super) fn forget_writes(&mut self) {
        for cell in self.cells.values_mut() {
            cell.written = None;
            cell.was_seen = false;
        }
    }

    /// Assumes that there is no row under this key, unless the key is known.
    pub(super) fn assume_absent(&mut self, key: Bytes) {
        if !self.known.contains(&key) {
            let cell = self.cells.entry(key).or_insert(Cell::of(Stored::Unknown));
            if cell.stored == Stored::Unknown {
                cell.stored = Stored::Absent(Absence::Assumed);
            }
        }
    }

    /// Enters a row that was read. Returns whether this disproves an assumption that was used.
    pub(super) fn learn(&mut self, key: Bytes, value: Option<Bytes>) -> bool {
        let cell = self.cells.entry(key).or_insert(Cell::of(Stored::Unknown));
        let disproved = cell.stored == Stored::Absent(Absence::Assumed)
            && value.is_some()
            && (cell.was_seen || cell.written.is_some());
        cell.stored = value.map_or(Stored::Absent(Absence::Read), Stored::Present);
        disproved
    }

    /// Enters the rows of a range that was read. Returns whether this disproves an assumption that was used.
    pub(super) fn learn_range(&mut self, range: &Range, rows: Vec<Row>) -> bool {
        if range.is_empty() || range.limit == Some(0) {
            return false;
        }
        let is_complete = range.limit.is_none_or(|limit| rows.len() < as_count(limit));
        let (first, mut end) = (range.first.clone(), range.end.clone());
        if !is_complete && let Some((last, _)) = rows.last() {
            end = [last, [0].as_slice()].concat();
        }
        let mut disproved = false;
        for (key, value) in rows {
            disproved |= self.learn(key, Some(value));
        }
        let bounds = (Bound::Included(first.as_slice()), Bound::Excluded(end.as_slice()));
        for (_, cell) in self.cells.range_mut::<[u8], _>(bounds) {
            if !matches!(cell.stored, Stored::Present(_)) {
                cell.stored = Stored::Absent(Absence::Read);
            }
        }
        self.known.add(first, end);
        disproved
    }

    /// The keys whose absence was assumed and used, and that are not inserted either, so that nothing proves the
    /// assumption.
    pub(super) fn unproven(&self) -> impl Iterator<Item = &Bytes> {
        let is_unproven = |cell: &Cell| {
            cell.stored == Stored::Absent(Absence::Assumed)
                && (cell.was_seen || cell.written.is_some())
                && !matches!(cell.written, Some(Some(_)))
        };
        self.cells.iter().filter(move |(_, cell)| is_unproven(cell)).map(|(key, _)| key)
    }

    /// The keys of the written rows.
    pub(super) fn written(&self) -> impl Iterator<Item = &Bytes> {
        self.cells.iter().filter(|(_, cell)| cell.written.is_some()).map(|(key, _)| key)
    }

    /// Adds the rows to write. Rows that stay as they are need no statement.
    pub(super) fn add_writes(&self, table: Table, blind: BlindWrites, writes: &mut RowWrites) {
        for (key, cell) in &self.cells {
            let Some(written) = &cell.written else { continue };
            match (&cell.stored, written) {
                (Stored::Absent(_), None) => {}
                (Stored::Present(_) | Stored::Unknown, None) => {
                    writes.deletes.push((table, key.clone()));
                }
                (Stored::Present(before), Some(value)) if before == value => {}
                (stored, Some(value)) => {
                    let row = (table, key.clone(), value.clone());
                    match (stored, blind) {
                        (Stored::Present(_), _) => writes.upserts.push(row),
                        (Stored::Absent(_), _) => writes.inserts.push(row),
                        (Stored::Unknown, BlindWrites::Insert) => writes.inserts.push(row),
                        (Stored::Unknown, BlindWrites::Upsert) => writes.upserts.push(row),
                    }
                }
            }
        }
    }
}

fn as_count(limit: u32) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}
