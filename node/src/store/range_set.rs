//! Which messages of a log are marked: a set of sequence numbers, kept as runs.
//!
//! A single number would not do: who looks at the newest five of a hundred unread messages has not
//! read the other ninety-five.

use qchat_proto::Sequence;
use qchat_proto::command::SequenceRange;

use super::records::MarkedRanges;

/// How many runs are kept for one user and log. Marks that would need more are not taken: those
/// messages stay unread, or count as undelivered until they are read, which loses nothing.
const RANGES_MAX: usize = 4096;

impl MarkedRanges {
    /// Adds a run, joining what it touches.
    pub(super) fn insert(&mut self, range: SequenceRange) {
        if range.first > range.last {
            return;
        }
        let start = self.0.partition_point(|run| run.last.next() < range.first);
        let end = self.0.partition_point(|run| run.first <= range.last.next());
        if start == end && self.0.len() >= RANGES_MAX {
            return;
        }
        let touched = self.0.get(start..end).unwrap_or_default();
        let first = touched.first().map_or(range.first, |run| run.first.min(range.first));
        let last = touched.last().map_or(range.last, |run| run.last.max(range.last));
        self.0.splice(start..end, [SequenceRange { first, last }]);
    }

    /// Whether a message is marked.
    pub(super) fn contains(&self, sequence: Sequence) -> bool {
        let run = self.0.get(self.0.partition_point(|run| run.last < sequence));
        run.is_some_and(|run| run.first <= sequence)
    }

    /// The runs within `first..=last` that are marked.
    pub(super) fn marked(&self, within: SequenceRange) -> Vec<SequenceRange> {
        let runs = self.0.iter().map(|run| SequenceRange {
            first: run.first.max(within.first),
            last: run.last.min(within.last),
        });
        runs.filter(|run| run.first <= run.last).collect()
    }

    /// The runs within `first..=last` that are not marked.
    pub(super) fn unmarked(&self, within: SequenceRange) -> Vec<SequenceRange> {
        let mut gaps = Vec::new();
        let mut first = within.first;
        for run in self.marked(within) {
            gaps.push(SequenceRange { first, last: Sequence(run.first.0.saturating_sub(1)) });
            first = run.last.next();
        }
        gaps.push(SequenceRange { first, last: within.last });
        gaps.retain(|gap| gap.first <= gap.last);
        gaps
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn range(first: u64, last: u64) -> SequenceRange {
        SequenceRange { first: Sequence(first), last: Sequence(last) }
    }

    fn numbers(ranges: &[SequenceRange]) -> BTreeSet<u64> {
        ranges.iter().flat_map(|range| range.first.0..=range.last.0).collect()
    }

    #[test]
    fn runs_that_touch_become_one() {
        let mut ranges = MarkedRanges::default();
        for (first, last) in [(5, 6), (1, 2), (9, 9), (3, 4)] {
            ranges.insert(range(first, last));
        }
        assert_eq!(ranges.0, [range(1, 6), range(9, 9)]);
    }

    #[test]
    fn what_a_disk_brings_is_sorted_or_refused() {
        use crate::store::records::{decode, encode};
        let kept = |runs: &[(u64, u64)]| {
            let runs: Vec<_> = runs.iter().map(|&(first, last)| range(first, last)).collect();
            decode::<MarkedRanges>(&encode(&runs), "marker").is_ok()
        };
        assert!(kept(&[]) && kept(&[(1, 1)]) && kept(&[(1, 2), (4, 9), (11, u64::MAX)]));
        for damaged in
            [[(3, 4), (1, 1)], [(1, 2), (3, 4)], [(1, 2), (6, 5)], [(0, u64::MAX), (7, 8)]]
        {
            assert!(!kept(&damaged), "{damaged:?}");
        }
    }

    #[test]
    fn a_full_set_takes_no_further_run_but_still_grows_its_own() {
        let mut ranges = MarkedRanges::default();
        for odd in 0..=u64::try_from(RANGES_MAX).unwrap() {
            ranges.insert(range(2 * odd + 1, 2 * odd + 1));
        }
        assert_eq!(ranges.0.len(), RANGES_MAX);
        ranges.insert(range(2, 2));
        assert_eq!(ranges.0.len(), RANGES_MAX - 1);
    }

    proptest! {
        #[test]
        fn it_is_a_set(inserts in prop::collection::vec((1..60u64, 0..8u64), 0..40)) {
            let mut ranges = MarkedRanges::default();
            let mut model = BTreeSet::new();
            for (first, length) in inserts {
                ranges.insert(range(first, first + length));
                model.extend(first..=first + length);
            }
            prop_assert_eq!(&numbers(&ranges.0), &model);
            prop_assert!(ranges.0.windows(2).all(|pair| pair[0].last.0 + 1 < pair[1].first.0));
            let within = range(10, 50);
            let marked = numbers(&ranges.marked(within));
            let unmarked = numbers(&ranges.unmarked(within));
            for number in 1..=70 {
                prop_assert_eq!(ranges.contains(Sequence(number)), model.contains(&number));
                let inside = (10..=50).contains(&number);
                prop_assert_eq!(marked.contains(&number), inside && model.contains(&number));
                prop_assert_eq!(unmarked.contains(&number), inside && !model.contains(&number));
            }
        }
    }
}
