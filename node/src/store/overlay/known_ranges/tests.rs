use super::KnownRanges;

fn known(ranges: &[(&str, &str)]) -> KnownRanges {
    let mut known = KnownRanges::default();
    for (first, end) in ranges {
        known.add(first.as_bytes().to_vec(), end.as_bytes().to_vec());
    }
    known
}

#[test]
fn ranges_that_overlap_or_touch_become_one() {
    for ranges in [
        &[("a", "c"), ("b", "d")][..],
        &[("b", "d"), ("a", "c")],
        &[("a", "b"), ("b", "d")],
        &[("b", "d"), ("a", "b")],
        &[("a", "b"), ("c", "d"), ("b", "c")],
        &[("b", "c"), ("a", "d")],
        &[("a", "d"), ("b", "c")],
    ] {
        let known = known(ranges);
        assert_eq!(known.end_from(b"a"), Some(b"d".as_slice()), "{ranges:?}");
    }
}

#[test]
fn an_end_is_not_known_and_a_first_key_is() {
    let known = known(&[("b", "d"), ("x", "x"), ("z", "y")]);
    for (key, expected) in
        [("a", false), ("b", true), ("bb", true), ("c\u{7f}", true), ("d", false), ("x", false)]
    {
        assert_eq!(known.contains(key.as_bytes()), expected, "{key}");
    }
}
