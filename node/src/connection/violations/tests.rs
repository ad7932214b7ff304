use super::*;

#[test]
fn violations_are_counted_by_the_minute() {
    let (violations, begun) = (Violations::default(), Instant::now());
    for minute in 0..3 {
        let now = begun + minute * PERIOD;
        for violation in 1..VIOLATIONS_MAX {
            let expected = if violation == 1 { Violation::First } else { Violation::Repeated };
            assert_eq!(violations.note_at(now), expected);
        }
        assert!(!violations.too_many.is_cancelled());
    }
    violations.note_at(begun + 2 * PERIOD + PERIOD / 2);
    assert!(violations.too_many.is_cancelled());
}
