use super::*;

#[track_caller]
fn check_nearest(word: &str, expected: Option<&str>) {
    assert_eq!(nearest(word), expected, "{word}");
}

#[test]
fn a_mistyped_command_is_recognised() {
    check_nearest("sned", Some("send"));
    check_nearest("SEND", Some("send"));
    check_nearest("send-file", Some("send_file"));
    check_nearest("inbxo", Some("inbox"));
    check_nearest("login", Some("auth_login"));
    check_nearest("lsgroup", Some("ls_group"));
    check_nearest("l", Some("ls"));
    check_nearest("xyzzy", None);
    check_nearest("", None);
    check_nearest(&"s".repeat(1000), None);
}

#[test]
fn every_command_has_its_own_line_of_help() {
    let overview = overview();
    for entry in &COMMANDS {
        assert!(overview.contains(entry.help), "{}", entry.name);
        assert!(entry.example.starts_with(entry.name), "{}", entry.name);
        assert!(entry.manual().contains(&entry.form()));
    }
    assert!(overview.lines().all(|line| line.len() <= 80), "{overview}");
}

#[test]
fn literals_are_read_from_the_form() {
    let literals = |name| CommandEntry::named(name).unwrap().literals().collect::<Vec<_>>();
    assert_eq!(literals("inbox"), ["--limit", "--before", "--from", "--unread"]);
    assert_eq!(literals("auth_logout"), ["--all"]);
    assert_eq!(literals("sessions"), ["revoke"]);
    assert_eq!(literals("join"), [""; 0]);
    assert_eq!(CommandEntry::named("exit").map(|entry| entry.name), Some("quit"));
}
