//! The parts of a table whose rows are all known.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Disjoint ranges of keys, each from its first key up to its end, which is not included. Ranges that touch are one.
#[derive(Debug, Default)]
pub(super) struct KnownRanges {
    /// first key → end
    ends: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl KnownRanges {
    /// Adds the keys from `first` up to `end`.
    pub(super) fn add(&mut self, mut first: Vec<u8>, mut end: Vec<u8>) {
        if first >= end {
            return;
        }
        while let Some((near_first, near_end)) = self.last_from_at_most(&end)
            && *near_end >= first
        {
            let near_first = near_first.clone();
            let near_end = self.ends.remove(&near_first).unwrap_or_default();
            first = first.min(near_first);
            end = end.max(near_end);
        }
        self.ends.insert(first, end);
    }

    /// Whether the row of a key is known.
    pub(super) fn contains(&self, key: &[u8]) -> bool {
        self.end_from(key).is_some()
    }

    /// The end of the known range that contains `key`.
    pub(super) fn end_from(&self, key: &[u8]) -> Option<&[u8]> {
        let (_, end) = self.last_from_at_most(key)?;
        (end.as_slice() > key).then_some(end.as_slice())
    }

    fn last_from_at_most(&self, key: &[u8]) -> Option<(&Vec<u8>, &Vec<u8>)> {
        self.ends.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()
    }
}

#[cfg(test)]
mod tests;
