//! The rows that a change will touch, as far as its fields tell.

use super::range::Range;
use super::table::Table;

/// A hint for engines far away, which read these rows before they run the change. A wrong hint costs a round trip,
/// never the truth.
#[derive(Debug, Clone, Default)]
pub(crate) struct Needs {
    /// Rows to read.
    pub(in crate::store) rows: Vec<(Table, Vec<u8>)>,
    /// Ranges to read.
    pub(in crate::store) ranges: Vec<Range>,
    /// Rows that are almost certainly absent. The engine may assume so, if its insertion finds out.
    pub(in crate::store) absent: Vec<(Table, Vec<u8>)>,
}

impl Needs {
    /// Adds a row to read.
    pub(in crate::store) fn row(mut self, table: Table, key: impl Into<Vec<u8>>) -> Self {
        self.rows.push((table, key.into()));
        self
    }

    /// Adds a range to read.
    pub(in crate::store) fn range(mut self, range: Range) -> Self {
        self.ranges.push(range);
        self
    }

    /// Adds a row that is almost certainly absent.
    pub(in crate::store) fn absent(mut self, table: Table, key: impl Into<Vec<u8>>) -> Self {
        self.absent.push((table, key.into()));
        self
    }
}
