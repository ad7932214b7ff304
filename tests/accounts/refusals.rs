//! Refused commands, and the order of the checks.

use crate::harness::{Server, keys, text};

/// All commands except the two for signed-out users.
const FOR_MEMBERS_ONLY: [&str; 19] = [
    "auth_logout",
    "auth_logout --all",
    "passwd old new",
    "sessions",
    "sessions revoke 3f9ac01d22b7",
    "ls",
    "send bob hi",
    "inbox",
    "send_file bob missing.txt",
    "download_file missing.txt",
    "mkgr lab",
    "join lab",
    "ls_group",
    "ls_member lab",
    "sendgroup lab hi",
    "inboxgroup lab",
    "sendgroup_file lab missing.txt",
    "downloadgroup_file lab missing.txt",
    "leave lab",
];

#[test]
fn every_command_except_two_needs_a_signed_in_user() {
    let server = Server::start();
    let answers = server.visitor().lines(&FOR_MEMBERS_ONLY);
    for (line, answer) in FOR_MEMBERS_ONLY.iter().zip(answers) {
        assert_eq!(keys(&answer), ["command", "error", "ok"], "{line}");
        assert_eq!(keys(&answer["error"]), ["code", "message"], "{line}");
        assert_eq!(answer["command"], line.split(' ').next().unwrap());
        assert_eq!(answer["error"]["code"], "not_logged_in", "{line}");
    }
}

#[test]
fn a_user_who_has_signed_out_has_the_permissions_of_a_signed_out_user() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut lines = vec!["ls", "auth_logout"];
    lines.extend(FOR_MEMBERS_ONLY);
    let answers = alice.lines(&lines);
    assert_eq!(answers[0]["ok"], true);
    assert_eq!(answers[1]["ok"], true);
    for answer in &answers[2..] {
        assert_eq!(answer["error"]["code"], "not_logged_in", "{answer}");
    }
}

#[test]
fn a_message_to_an_unknown_user_is_refused() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("here.txt", b"here");
    let answer = alice.lines(&["send nobody hi"]).remove(0);
    assert_eq!(answer["error"]["code"], "user_not_found");
    assert!(text(&answer["error"]["message"]).contains("nobody"));
    assert_eq!(alice.refused("send_file nobody here.txt"), "user_not_found");
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn a_message_is_not_empty_and_has_at_most_16_kib() {
    let server = Server::start();
    let alice = server.user("alice");
    let long = format!("send alice {}", "x".repeat(16 * 1024 + 1));
    let wide = format!("send alice {}", "\u{e9}".repeat(8 * 1024 + 1));
    let answers = alice.lines(&["send alice    ", "send alice \u{2003}", &long, &wide, "inbox"]);
    assert_eq!(answers[0]["error"]["code"], "empty_message");
    assert_eq!(answers[1]["error"]["code"], "empty_message");
    assert_eq!(answers[2]["error"]["code"], "too_large");
    assert_eq!(answers[3]["error"]["code"], "too_large");
    assert_eq!(answers[4]["messages"].as_array().map(Vec::len), Some(0));
}

#[test]
fn the_same_limits_hold_for_a_group_message() {
    let server = Server::start();
    let alice = server.user("alice");
    let long = format!("sendgroup lab {}", "x".repeat(16 * 1024 + 1));
    let answers = alice.lines(&["mkgr lab", "sendgroup lab   ", &long, "inboxgroup lab"]);
    assert_eq!(answers[1]["error"]["code"], "empty_message");
    assert_eq!(answers[2]["error"]["code"], "too_large");
    assert_eq!(answers[3]["messages"].as_array().map(Vec::len), Some(0));
}

#[test]
fn an_unknown_group_is_refused_before_its_membership() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("mkgr lab");
    bob.write("here.txt", b"here");
    let about = |group: &str| {
        [
            format!("ls_member {group}"),
            format!("sendgroup {group} hi"),
            format!("inboxgroup {group}"),
            format!("sendgroup_file {group} here.txt"),
            format!("downloadgroup_file {group} here.txt"),
            format!("leave {group}"),
        ]
    };
    for (group, code) in [("nowhere", "group_not_found"), ("lab", "not_a_member")] {
        let lines = about(group);
        for answer in bob.lines(&lines.each_ref().map(String::as_str)) {
            assert_eq!(answer["error"]["code"], code, "{answer}");
            assert!(text(&answer["error"]["message"]).contains(group), "{answer}");
        }
    }
    assert_eq!(bob.refused("join nowhere"), "group_not_found");
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn a_group_name_has_one_owner_and_follows_the_rule() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("mkgr lab");
    assert_eq!(alice.refused("mkgr lab"), "group_exists");
    assert_eq!(bob.refused("mkgr LAB"), "group_exists");
    assert_eq!(bob.refused("mkgr ../lab"), "invalid_name");
    assert_eq!(bob.refused("mkgr .lab"), "invalid_name");
    // Users and groups have separate names.
    bob.ok("mkgr alice");
}

#[test]
fn an_unknown_command_is_refused_by_the_client() {
    let server = Server::start();
    let visitor = server.visitor();
    let answers = visitor.lines(&["sned bob hi", "xyzzy", "send", "mkgr", "join lab now"]);
    assert_eq!(answers[0]["error"]["code"], "unknown_command");
    assert!(text(&answers[0]["error"]["message"]).contains("send"), "{}", answers[0]);
    assert_eq!(answers[1]["error"]["code"], "unknown_command");
    for (answer, form) in answers[2..].iter().zip(["send USER MESSAGE", "mkgr GROUP", "join GROUP"])
    {
        assert_eq!(answer["error"]["code"], "usage", "{answer}");
        assert!(text(&answer["error"]["message"]).contains(form), "{answer}");
    }
}
