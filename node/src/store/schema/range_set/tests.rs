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
fn ranges_that_touch_are_merged() {
    let mut ranges = RangeSet::default();
    for (first, last) in [(5, 6), (1, 2), (9, 9), (3, 4)] {
        ranges.insert(range(first, last));
    }
    assert_eq!(ranges.0, [range(1, 6), range(9, 9)]);
}

#[test]
fn a_damaged_record_of_unsorted_ranges_is_refused() {
    use crate::store::schema::records::{decode, encode};
    let kept = |ranges: &[(u64, u64)]| {
        let ranges: Vec<_> = ranges.iter().map(|&(first, last)| range(first, last)).collect();
        decode::<RangeSet>(&encode(&ranges), "marker").is_ok()
    };
    assert!(kept(&[]) && kept(&[(1, 1)]) && kept(&[(1, 2), (4, 9), (11, u64::MAX)]));
    for damaged in [[(3, 4), (1, 1)], [(1, 2), (3, 4)], [(1, 2), (6, 5)], [(0, u64::MAX), (7, 8)]] {
        assert!(!kept(&damaged), "{damaged:?}");
    }
}

#[test]
fn a_full_set_takes_no_further_range_but_still_extends_its_own() {
    let mut ranges = RangeSet::default();
    for odd in 0..=u64::try_from(RANGES_MAX).unwrap() {
        ranges.insert(range(2 * odd + 1, 2 * odd + 1));
    }
    assert_eq!(ranges.0.len(), RANGES_MAX);
    ranges.insert(range(2, 2));
    assert_eq!(ranges.0.len(), RANGES_MAX - 1);
}

proptest! {
    #[test]
    fn it_behaves_as_a_set_of_numbers(inserts in prop::collection::vec((1..60u64, 0..8u64), 0..40)) {
        let mut ranges = RangeSet::default();
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
