use super::*;

const MINUTE: Duration = Duration::from_secs(60);
const POLICY: DecayPolicy = DecayPolicy { decay_time: MINUTE, count_max: 4, counters_max: 3 };

fn counts(counters: &DecayingCounters, keys: [u64; 4], now: Instant) -> [u32; 4] {
    keys.map(|key| counters.count(key, now))
}

#[test]
fn a_counter_decays_one_by_one() {
    let (mut counters, start) = (DecayingCounters::new(POLICY), Instant::now());
    let counts_after =
        |counters: &DecayingCounters, minutes| counters.count(7, start + MINUTE * minutes);
    for expected in [1, 2, 3, 4, 4] {
        counters.add(7, start);
        assert_eq!(counters.count(7, start), expected);
    }
    assert_eq!([1, 2, 3, 4, 5].map(|minutes| counts_after(&counters, minutes)), [3, 2, 1, 0, 0]);
    assert_eq!(counters.last(7, start + MINUTE * 3), Some(start));
    assert_eq!(counters.last(7, start + MINUTE * 4), None);
    counters.subtract(7, 1);
    assert_eq!(counts_after(&counters, 1), 2);
    // An addition between two steps does not undo the decay until then.
    counters.add(7, start + MINUTE / 2);
    assert_eq!(counts_after(&counters, 1), 3);
    counters.subtract(7, 9);
    assert!(counters.counters.is_empty());
}

#[test]
fn counters_at_zero_are_removed_first_and_then_the_next_to_decay() {
    let (mut counters, start) = (DecayingCounters::new(POLICY), Instant::now());
    for key in [1, 1, 1, 2, 2, 3] {
        counters.add(key, start);
    }
    counters.add(4, start + MINUTE);
    assert_eq!(counts(&counters, [1, 2, 3, 4], start + MINUTE), [2, 1, 0, 1]);
    counters.add(5, start + MINUTE);
    assert_eq!(counters.counters.len(), 3);
    assert_eq!(counters.count(1, start + MINUTE), 2);
    // Many new keys do not remove the counter of a key that was counted often.
    (6..100).for_each(|key| counters.add(key, start + MINUTE));
    assert_eq!(counters.count(1, start + MINUTE), 2);
    assert_eq!(counters.counters.len(), 3);
}
