//! A part of a table.

use super::table::Table;

/// The rows of a table with `first` ≤ key < `end`, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Range {
    pub(crate) table: Table,
    pub(crate) first: Vec<u8>,
    pub(crate) end: Vec<u8>,
    /// The most rows to read.
    pub(crate) limit: Option<u32>,
}

impl Range {
    /// The rows from `first` up to `end`, which is not included.
    pub(crate) fn between(table: Table, first: Vec<u8>, end: Vec<u8>) -> Self {
        Self { table, first, end, limit: None }
    }

    /// All rows of a table.
    pub(crate) fn all(table: Table) -> Self {
        // Every key is smaller: keys are text, or at most as long as a hash.
        Self::between(table, Vec::new(), vec![u8::MAX; 64])
    }

    /// The rows whose keys begin with `prefix`, which is not empty.
    pub(crate) fn prefix(table: Table, prefix: Vec<u8>) -> Self {
        let end = end_of(&prefix);
        Self::between(table, prefix, end)
    }

    /// The rows of this range behind this key.
    pub(crate) fn behind(mut self, key: &[u8]) -> Self {
        // The smallest key above this one.
        let next = [key, &[0]].concat();
        self.first = self.first.max(next);
        self
    }

    /// [`behind`](Self::behind), if a key is given.
    pub(crate) fn behind_any(self, key: Option<&[u8]>) -> Self {
        match key {
            Some(key) => self.behind(key),
            None => self,
        }
    }

    /// In this range, at most `limit` rows.
    pub(crate) fn limited(mut self, limit: u32) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Whether no key can lie in the range.
    pub(crate) fn is_empty(&self) -> bool {
        self.first >= self.end
    }
}

/// The smallest key above all keys that begin with `prefix`. A prefix of 255s only has none: names are text, so no
/// table has such keys.
fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if let Some(next) = last.checked_add(1) {
            end.push(next);
            break;
        }
    }
    end
}
