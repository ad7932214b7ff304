//! A set of sequence numbers, stored as ranges: the marked messages of a log.
//!
//! A single number is not enough: a user who was shown the newest five of a hundred unread messages has not read
//! the other ninety-five.

use qchat_proto::Sequence;
use qchat_proto::command::SequenceRange;
use serde::{Deserialize, Serialize};

/// The most ranges in one set. Marks that need more ranges are dropped: their messages stay unread, or count as
/// undelivered until they are read. Nothing is lost.
const RANGES_MAX: usize = 4096;

/// Sorted ranges that neither overlap nor touch. Decoding refuses any others, because the binary searches below
/// would return wrong answers.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<SequenceRange>")]
pub(in crate::store) struct RangeSet(pub(in crate::store) Vec<SequenceRange>);

impl TryFrom<Vec<SequenceRange>> for RangeSet {
    type Error = &'static str;

    fn try_from(ranges: Vec<SequenceRange>) -> Result<Self, Self::Error> {
        let is_range = |range: &SequenceRange| range.first <= range.last;
        let are_apart = ranges.is_sorted_by(|one, other| one.last.next() < other.first);
        match are_apart && ranges.iter().all(is_range) {
            true => Ok(Self(ranges)),
            false => Err("ranges that are not sorted, or touch"),
        }
    }
}

impl RangeSet {
    /// Adds a range, and merges the ranges that it touches.
    pub(in crate::store) fn insert(&mut self, range: SequenceRange) {
        if range.first > range.last {
            return;
        }
        let start = self.0.partition_point(|stored| stored.last.next() < range.first);
        let end = self.0.partition_point(|stored| stored.first <= range.last.next());
        if start == end && self.0.len() >= RANGES_MAX {
            return;
        }
        let touched = self.0.get(start..end).unwrap_or_default();
        let first = touched.first().map_or(range.first, |stored| stored.first.min(range.first));
        let last = touched.last().map_or(range.last, |stored| stored.last.max(range.last));
        self.0.splice(start..end, [SequenceRange { first, last }]);
    }

    /// Whether the set contains a number.
    pub(in crate::store) fn contains(&self, sequence: Sequence) -> bool {
        let stored = self.0.get(self.0.partition_point(|stored| stored.last < sequence));
        stored.is_some_and(|stored| stored.first <= sequence)
    }

    /// The parts of the range `within` that are in the set.
    pub(in crate::store) fn marked(&self, within: SequenceRange) -> Vec<SequenceRange> {
        let ranges = self.0.iter().map(|stored| SequenceRange {
            first: stored.first.max(within.first),
            last: stored.last.min(within.last),
        });
        ranges.filter(|stored| stored.first <= stored.last).collect()
    }

    /// The parts of the range `within` that are not in the set.
    pub(in crate::store) fn unmarked(&self, within: SequenceRange) -> Vec<SequenceRange> {
        let mut gaps = Vec::new();
        let mut first = within.first;
        for stored in self.marked(within) {
            gaps.push(SequenceRange { first, last: Sequence(stored.first.0.saturating_sub(1)) });
            first = stored.last.next();
        }
        gaps.push(SequenceRange { first, last: within.last });
        gaps.retain(|gap| gap.first <= gap.last);
        gaps
    }
}

#[cfg(test)]
mod tests;
