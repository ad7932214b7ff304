use super::*;

#[track_caller]
fn check(name: &str, expected: Option<&str>) {
    let parsed = UserName::from_str(name).ok();
    assert_eq!(parsed.as_ref().map(UserName::as_str), expected, "{name:?}");
}

#[test]
fn names_follow_the_rule() {
    check("a", Some("a"));
    check("7", Some("7"));
    check("Alice", Some("alice"));
    check("a.b_c-d", Some("a.b_c-d"));
    check(&"a".repeat(32), Some(&"a".repeat(32)));
    check(&"a".repeat(33), None);
    check("", None);
    check(".a", None);
    check("a.", None);
    check("-a", None);
    check("a_", None);
    check("a b", None);
    check("a/b", None);
    check("é", None);
    check("a\n", None);
    // Folds to "k" under Unicode's rules, which are not ours.
    check("\u{212a}", None);
}
