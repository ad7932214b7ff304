//! Rows that are needed and not known.

use std::collections::BTreeSet;

use bytes::Bytes;

use crate::store::interface::{Needs, Range, Table};

/// The rows and ranges to read, each once.
#[derive(Debug, Default)]
pub(in crate::store) struct MissingRows {
    pub(in crate::store) rows: BTreeSet<(Table, Bytes)>,
    pub(in crate::store) ranges: Vec<Range>,
}

impl MissingRows {
    /// Whether nothing is missing.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.ranges.is_empty()
    }

    pub(super) fn add_row(&mut self, table: Table, key: &[u8]) {
        self.rows.insert((table, Bytes::copy_from_slice(key)));
    }

    pub(super) fn add_range(&mut self, range: Range) {
        if !range.is_empty() && !self.ranges.contains(&range) {
            self.ranges.push(range);
        }
    }

    /// Adds the rows and ranges of a hint, but not those that it expects to be absent.
    pub(in crate::store) fn add_hint(&mut self, hint: Needs) {
        for (table, key) in hint.rows {
            self.rows.insert((table, key.into()));
        }
        hint.ranges.into_iter().for_each(|range| self.add_range(range));
    }
}
