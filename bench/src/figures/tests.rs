use super::*;

#[test]
fn a_percentile_is_one_of_the_times() {
    let times: Vec<_> = (1..=200).map(Duration::from_millis).collect();
    for (percent, expected) in [(50, 100), (99, 198), (100, 200)] {
        assert_eq!(percentile(&times, percent), Duration::from_millis(expected));
    }
    assert_eq!(percentile(&[], 50), Duration::ZERO);
    assert_eq!(percentile(&times[..1], 50), Duration::from_millis(1));
}
