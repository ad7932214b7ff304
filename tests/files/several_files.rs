//! Several files in one line, of which each is a message.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::files::background_transfers::slow_path;
use crate::files::sending::noise;
use crate::harness::{Client, Screen, Server, items, keys, text, until};

/// The original names of the files in an `inbox`, an `inboxgroup` or a `send_file` answer.
#[track_caller]
fn names(answer: &Value) -> Vec<&str> {
    let messages = items(&answer["messages"]).iter();
    messages.map(|message| text(&message["file"]["original"])).collect()
}

#[track_caller]
fn check_inbox(client: &Client, expected: &[&str]) {
    assert_eq!(names(&client.ok("inbox --limit 1000")), expected);
}

fn write_all(client: &Client, names: &[&str]) {
    for name in names {
        std::fs::create_dir_all(client.path(name).parent().unwrap()).unwrap();
        client.write(name, name.as_bytes());
    }
}

#[test]
fn the_files_that_match_a_pattern_are_sent_one_by_one() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &["b.log", "a.log", "c.txt", "d e.txt"]);
    let sent = alice.ok("send_file bob *.log \"d e.txt\"");
    assert_eq!(keys(&sent), ["command", "messages", "ok"]);
    assert_eq!(names(&sent), ["a.log", "b.log", "d e.txt"]);
    let inbox = bob.ok("inbox");
    assert_eq!(names(&inbox), ["a.log", "b.log", "d e.txt"]);
    for (sent, received) in items(&sent["messages"]).iter().zip(items(&inbox["messages"])) {
        assert_eq!((&sent["id"], &sent["file"]), (&received["id"], &received["file"]));
    }
    // A pattern that matches one file has the answer of a single file.
    let sent = alice.ok("send_file bob *.txt");
    assert_eq!(keys(&sent), ["command", "messages", "ok"]);
    let sent = alice.ok("send_file bob c*");
    assert_eq!(sent["message"]["file"]["original"], "c.txt");
    assert_eq!(alice.refused("send_file bob *.pdf"), "local_file");
    assert_eq!(alice.refused("send_file bob a.log missing"), "local_file");
    assert_eq!(alice.refused("send_file nobody *.log"), "user_not_found");
}

#[test]
fn each_argument_of_a_shell_is_a_file() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &["a.log", "b c.log", "my notes.txt"]);
    let run = |arguments: &[&str]| {
        let ended = alice.run(&[&["--json"], arguments].concat());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        ended.json().remove(0)
    };
    let sent = run(&["send_file", "bob", "a.log", "b c.log"]);
    assert_eq!(names(&sent), ["a.log", "b c.log"]);
    // The rest of the line is one name if this file exists.
    let sent = run(&["send_file", "bob", "my", "notes.txt"]);
    assert_eq!(sent["message"]["file"]["original"], "my notes.txt");
    check_inbox(&bob, &["a.log", "b c.log", "my notes.txt"]);
    // The text output is right too.
    let ended = alice.run(&["send_file", "bob", "a.log", "b c.log"]);
    assert!(ended.output.starts_with("sent 2 files, 12 B: @bob:4 to @bob:5\n"), "{ended:?}");
}

#[test]
fn a_folder_is_sent_and_no_file_outside_of_it() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &["photos/2026/b.jpg", "photos/a.jpg", "secret/key", "secret.txt"]);
    symlink(alice.path("secret"), alice.path("photos/2026/up")).unwrap();
    symlink(alice.path("secret.txt"), alice.path("photos/link")).unwrap();
    let sent = alice.ok("send_file bob photos/");
    assert_eq!(keys(&sent), ["command", "left_out", "messages", "ok"]);
    assert_eq!(sent["left_out"], serde_json::json!(["photos/link", "photos/2026/up"]));
    check_inbox(&bob, &["a.jpg", "b.jpg"]);
    alice.ok("mkgr lab");
    alice.ok("sendgroup_file lab photos");
    assert_eq!(names(&alice.ok("inboxgroup lab")), ["a.jpg", "b.jpg"]);
}

#[test]
fn a_refused_file_does_not_prevent_the_others() {
    let server = Server::with(&["--max-file-size", "1000"]);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("a", b"a");
    alice.write("b", &noise(1001));
    alice.write("c", b"c");
    let answers = alice.lines(&["send_file bob a b c", "ls"]);
    assert_eq!(answers[0]["error"]["code"], "not_all_sent");
    assert_eq!(names(&answers[0]), ["a", "c"]);
    let failed = items(&answers[0]["failed"]);
    assert_eq!((failed.len(), &failed[0]["file"]), (1, &"b".into()));
    assert_eq!(failed[0]["error"]["code"], "too_large");
    check_inbox(&bob, &["a", "c"]);
    let ended = alice.run(&["send_file", "bob", "a", "b", "c"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let told = format!("{}{}", ended.output, ended.error);
    assert!(told.contains("sent 2 files") && told.contains("b: "), "{ended:?}");
}

#[test]
fn the_files_of_a_repeated_line_are_sent_once() {
    const FILES: usize = 100;
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let files: Vec<_> = (100..100 + FILES).map(|number| format!("f/{number}")).collect();
    write_all(&alice, &files.iter().map(String::as_str).collect::<Vec<_>>());
    let mut talk = alice.talk();
    talk.tell("send_file bob f");
    until("some are sent", || items(&bob.ok("inbox")["messages"]).len() > 1);
    let _server = server.kill9().start();
    let answer = talk.answer().unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    let expected: Vec<_> = files.iter().map(|name| &name[2..]).collect();
    assert_eq!(names(&answer), expected);
    check_inbox(&bob, &expected);
}

#[test]
fn files_of_a_killed_client_are_sent_once_by_the_same_line() {
    const FILES: usize = 30;
    let server = Server::start();
    let path = slow_path(&server);
    let (alice, bob) = (server.user_over(&path, "alice"), server.user("bob"));
    let files: Vec<_> = (100..100 + FILES).map(|number| format!("f/{number}")).collect();
    write_all(&alice, &files.iter().map(String::as_str).collect::<Vec<_>>());
    let expected: Vec<_> = files.iter().map(|name| &name[2..]).collect();
    let mut talk = alice.talk();
    talk.tell("send_file bob f/*");
    until("some are sent", || items(&bob.ok("inbox")["messages"]).len() > 1);
    talk.kill();
    assert_eq!(talk.answer(), None, "it was killed before it had sent all");
    let sent = alice.ok("send_file bob f/*");
    assert_eq!(names(&sent), expected);
    check_inbox(&bob, &expected);
    // After a line is complete, the same line is a new one.
    alice.ok("send_file bob f/*");
    check_inbox(&bob, &[expected.clone(), expected].concat());
}

#[test]
fn files_of_a_prompt_with_a_killed_server_are_sent_once_and_again_only_by_another_line() {
    const FILES: usize = 30;
    let server = Server::start();
    let path = slow_path(&server);
    let (alice, bob) = (server.user_over(&path, "alice"), server.user("bob"));
    let files: Vec<_> = (100..100 + FILES).map(|number| format!("f/{number}")).collect();
    write_all(&alice, &files.iter().map(String::as_str).collect::<Vec<_>>());
    let expected: Vec<_> = files.iter().map(|name| &name[2..]).collect();
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    screen.enter("send_file bob f/*");
    until("some are sent", || items(&bob.ok("inbox")["messages"]).len() > 1);
    let _server = server.kill9().start();
    screen.shows("kept; it is sent when the connection is back");
    screen.shows("sent 30 files, 150 B: @bob:1 to @bob:30 ←");
    check_inbox(&bob, &expected);
    screen.prompts("alice@127.0.0.1>");
    screen.enter("send_file bob f/*");
    screen.shows("sent 30 files, 150 B: @bob:31 to @bob:60");
    check_inbox(&bob, &[expected.clone(), expected].concat());
}

#[test]
fn files_of_a_line_without_a_connection_are_sent_with_the_next_connection() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    write_all(&alice, &["a.log", "p/b", "p/c"]);
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    let stopped = server.terminate();
    screen.shows("connection lost");
    screen.enter("send_file bob *.log p");
    screen.prompts("1 waiting)>");
    // A file that matches the pattern later is not part of the line.
    write_all(&alice, &["z.log"]);
    let _server = stopped.start();
    screen.shows("sent 3 files, 11 B: @bob:1 to @bob:3 ←");
    check_inbox(&bob, &["a.log", "b", "c"]);
}

#[test]
fn several_files_have_one_progress_bar() {
    let server = Server::start();
    let alice = server.user("alice");
    for name in ["a.mkv", "b.mkv", "c.mkv"] {
        let film = std::fs::File::create(alice.path(name)).unwrap();
        film.set_len(48 * 1024 * 1024).unwrap();
    }
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    screen.enter("send_file alice *.mkv");
    screen.wrote("1/3 a.mkv");
    screen.wrote("3/3 c.mkv");
    screen.shows("sent 3 files, 144.00 MiB: @alice:1 to @alice:3");
    assert!(screen.raw().contains("of 144.00 MiB"));
}
