use super::*;

#[track_caller]
fn check(typed: &str, start: usize, expected: &[&str]) {
    let (at, names) = complete(typed);
    assert_eq!(at, start, "{typed:?}");
    let names: Vec<_> = names.iter().map(|name| name.trim_end()).collect();
    assert_eq!(names, expected, "{typed:?}");
}

#[test]
fn commands_and_options_are_completed() {
    check("se", 0, &["send", "send_file", "sendgroup", "sendgroup_file", "sessions"]);
    check("auth_logout -", 12, &["--all"]);
    check("sessions re", 9, &["revoke"]);
    check(" inbox", 1, &["inbox", "inboxgroup"]);
    check("help jo", 5, &["join"]);
    check("inbox --l", 6, &["--limit"]);
    check("inboxgroup lab --un", 15, &["--unread"]);
    check("send bob se", 9, &[]);
    check("xyzzy --l", 6, &[]);
}
