use qchat_proto::command::{Group, Log, Member, Session, User};
use qchat_proto::{Body, Code, Digest, File, Timestamp};

use super::*;
use crate::error::CommandError;
use crate::outcome::{Page, RenamedFile, SavedFiles, SentFiles, SkippedEntry};
use crate::output::results;
use crate::output::time::rfc3339;

fn message(body: Body) -> Message {
    Message {
        id: "@bob:17".parse().unwrap(),
        from: "alice".parse().unwrap(),
        at: Timestamp::from_milliseconds(1_795_369_207_123),
        body,
        unread: true,
    }
}

fn text(text: &str) -> Message {
    message(Body::Text(text.to_owned().try_into().unwrap()))
}

fn file() -> File {
    File {
        name: "1763833207123_report.pdf".parse().unwrap(),
        original: "report.pdf".into(),
        size: 12345,
        digest: Digest([0xab; 32]),
    }
}

#[track_caller]
fn check(command: &str, answer: Outcome, expected: &str) {
    assert_eq!(report(command, &Ok(answer)), expected.replace("HEX", &"ab".repeat(32)));
}

#[test]
fn objects_have_the_shape_that_scripts_know() {
    check("auth_logout", Outcome::SignedOut, r#"{"command":"auth_logout","ok":true}"#);
    let alice = || "alice".parse().unwrap();
    check(
        "auth_login",
        Outcome::SignedIn(alice()),
        r#"{"command":"auth_login","ok":true,"user":"alice"}"#,
    );
    check(
        "ls",
        Outcome::shown(results::Users(vec![User { name: alice(), online: true }])),
        r#"{"command":"ls","ok":true,"users":[{"name":"alice","online":true}]}"#,
    );
    check(
        "join",
        Outcome::Joined("lab".parse().unwrap()),
        r#"{"command":"join","ok":true,"group":"lab"}"#,
    );
    check(
        "ls_group",
        Outcome::shown(results::Groups(vec![Group {
            name: "lab".parse().unwrap(),
            members: 2,
            joined: false,
        }])),
        r#"{"command":"ls_group","ok":true,"groups":[{"name":"lab","members":2,"joined":false}]}"#,
    );
    check(
        "sessions",
        Outcome::shown(results::Sessions(vec![Session {
            id: "3f9ac01d22b7".parse().unwrap(),
            created: Timestamp::from_milliseconds(1_795_369_207_123),
            used: Timestamp::from_milliseconds(1_795_369_207_000),
            current: true,
            online: false,
        }])),
        r#"{"command":"sessions","ok":true,"sessions":[{"id":"3f9ac01d22b7","created":"2026-11-22T17:40:07.123Z","used":"2026-11-22T17:40:07.000Z","current":true,"online":false}]}"#,
    );
    check("passwd", Outcome::PasswordChanged, r#"{"command":"passwd","ok":true}"#);
    check(
        "ls_member",
        Outcome::shown(results::Members(vec![Member {
            name: alice(),
            online: false,
            owner: true,
        }])),
        r#"{"command":"ls_member","ok":true,"members":[{"name":"alice","online":false,"owner":true}]}"#,
    );
    check("exit", Outcome::Quit, r#"{"command":"quit","ok":true}"#);
}

#[test]
fn messages_and_files_have_the_shape_that_scripts_know() {
    check(
        "send",
        Outcome::Sent(text("hi")),
        r#"{"command":"send","ok":true,"message":{"id":"@bob:17","from":"alice","to":"bob","at":"2026-11-22T17:40:07.123Z","text":"hi","unread":true}}"#,
    );
    let mut to_group = message(Body::File(file()));
    to_group.id = "+lab:1".parse().unwrap();
    let page = Page {
        log: Log::Inbox,
        messages: vec![to_group],
        unbroken: 1,
        more: true,
        again: String::new(),
    };
    check(
        "inboxgroup",
        Outcome::History(page),
        r#"{"command":"inboxgroup","ok":true,"messages":[{"id":"+lab:1","from":"alice","group":"lab","at":"2026-11-22T17:40:07.123Z","file":{"name":"1763833207123_report.pdf","original":"report.pdf","size":12345,"blake3":"HEX"},"unread":true}],"more":true}"#,
    );
    check(
        "download_file",
        Outcome::Saved {
            file: file(),
            path: "download/bob/report.pdf".to_owned(),
            damaged: vec![7],
            was_here: false,
        },
        r#"{"command":"download_file","ok":true,"file":{"name":"1763833207123_report.pdf","original":"report.pdf","size":12345,"blake3":"HEX"},"path":"download/bob/report.pdf"}"#,
    );
}

#[test]
fn a_file_that_was_sent_with_folders_says_which() {
    let file = File { original: "photos/2024/report.pdf".into(), ..file() };
    check(
        "download_file",
        Outcome::Saved { file, path: "p".to_owned(), damaged: Vec::new(), was_here: true },
        r#"{"command":"download_file","ok":true,"file":{"name":"1763833207123_report.pdf","original":"report.pdf","folder":"photos/2024","size":12345,"blake3":"HEX"},"path":"p","was_here":true}"#,
    );
}

#[test]
fn the_files_of_a_folder_are_a_list_of_what_was_saved_and_of_those_that_failed() {
    const FILE: &str = r#"{"name":"1763833207123_report.pdf","original":"report.pdf","size":12345,"blake3":"HEX"}"#;
    let files = || vec![(file(), "download/bob/p/a".to_owned())];
    let saved = |failed| SavedFiles { files: files(), were_here: 1, failed };
    check(
        "download_file",
        Outcome::SavedFiles(saved(Vec::new())),
        &format!(
            r#"{{"command":"download_file","ok":true,"files":[{{"file":{FILE},"path":"download/bob/p/a"}}]}}"#
        ),
    );
    check(
        "download_file",
        Outcome::SavedFiles(saved(vec![(
            file(),
            CommandError::refused(Code::FileExpired, "expired"),
        )])),
        &format!(
            r#"{{"command":"download_file","ok":false,"error":{{"code":"not_all_fetched","message":"1 of 2 files were not fetched"}},"files":[{{"file":{FILE},"path":"download/bob/p/a"}}],"failed":[{{"file":"1763833207123_report.pdf","error":{{"code":"file_expired","message":"expired"}}}}]}}"#
        ),
    );
}

#[test]
fn several_files_are_a_list_of_messages_and_those_that_failed() {
    const SENT: &str = r#"{"id":"@bob:17","from":"alice","to":"bob","at":"2026-11-22T17:40:07.123Z","file":{"name":"1763833207123_report.pdf","original":"report.pdf","size":12345,"blake3":"HEX"},"unread":true}"#;
    let messages = || vec![message(Body::File(file())), message(Body::File(file()))];
    check(
        "send_file",
        Outcome::SentFiles(SentFiles { messages: messages(), ..SentFiles::default() }),
        &format!(r#"{{"command":"send_file","ok":true,"messages":[{SENT},{SENT}]}}"#),
    );
    let renamed = vec![RenamedFile { path: "p/.git".into(), sent_as: "p/_git/".to_owned() }];
    let failed = vec![("a\u{1b}".into(), CommandError::refused(Code::TooLarge, "too large"))];
    let sent = SentFiles {
        messages: vec![],
        failed,
        left_out: vec![SkippedEntry { path: "p/link".into(), kind: "a pipe" }],
        renamed,
    };
    check(
        "send_file",
        Outcome::SentFiles(sent),
        r#"{"command":"send_file","ok":false,"error":{"code":"not_all_sent","message":"1 of 1 files were not sent"},"messages":[],"failed":[{"file":"a\u001b","error":{"code":"too_large","message":"too large"}}],"left_out":["p/link"],"renamed":[{"file":"p/.git","sent_as":"p/_git/"}]}"#,
    );
}

#[test]
fn failures_carry_their_code_and_unknown_words_are_bounded() {
    let failure = CommandError::refused(Code::GroupNotFound, "group not found: lab");
    assert_eq!(
        report("join", &Err(failure.clone())),
        r#"{"command":"join","ok":false,"error":{"code":"group_not_found","message":"group not found: lab"}}"#
    );
    let long = report(&"\u{1b}".repeat(10_000), &Err(failure));
    assert!(long.len() < 1000 && long.contains(r"\u001b"), "{long}");
}

#[test]
fn a_text_is_exact_and_yet_safe_to_look_at() {
    let wild = "q\"\\\n\t\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{200b}\u{e0041}é👍\u{200d}";
    let json = report("send", &Ok(Outcome::Sent(text(wild))));
    assert!(!json.chars().any(sanitize::acts), "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"]["text"], wild);
    let flood = format!("e{}", "\u{301}".repeat(100));
    let json = report("send", &Ok(Outcome::Sent(text(&flood))));
    assert!(json.matches('\u{301}').count() < 10, "{json}");
    let value: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(value["message"]["text"], flood);
}

#[test]
fn a_time_outside_the_calendar_is_no_reason_to_fail() {
    let far = Timestamp::from_milliseconds(u64::MAX);
    assert!(rfc3339(far).starts_with("9999-12-30"), "{}", rfc3339(far));
    assert_eq!(rfc3339(Timestamp::from_milliseconds(0)), "1970-01-01T00:00:00.000Z");
}
