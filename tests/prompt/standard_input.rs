//! `-` as a message or a file, and the options of a line.

use crate::harness::{Server, items, text, texts};

#[test]
fn a_message_comes_from_standard_input() {
    let server = Server::start();
    let alice = server.user("alice");
    let sent = alice.run_with_input(&["send", "alice", "-"], b"two\nlines\n");
    assert_eq!(sent.status, Some(0), "{sent:?}");
    alice.run_with_input(&["-c", "send alice -"], b"of a line");
    assert_eq!(texts(&alice.ok("inbox")), ["two\nlines", "of a line"]);
    for (input, code) in
        [(&b""[..], "empty_message"), (b"\xff", "usage"), (&[b'x'; 16_386], "too_large")]
    {
        let refused = alice.run_with_input(&["--json", "send", "alice", "-"], input);
        assert_eq!(text(&refused.json()[0]["error"]["code"]), code, "{refused:?}");
    }
}

#[test]
fn a_file_comes_from_standard_input_and_leaves_no_copy() {
    let server = Server::start();
    let alice = server.user("alice");
    let temporary = alice.path("temporary");
    std::fs::create_dir(&temporary).unwrap();
    let bytes = crate::files::sending::noise(3_000_000);
    let mut command = alice.command();
    command.args(["--json", "send_file", "alice", "-"]).env("TMPDIR", &temporary);
    let running = crate::harness::Running::start(&mut command);
    running.write(&bytes);
    let sent = running.finish();
    assert_eq!(sent.status, Some(0), "{sent:?}");
    let file = &sent.json()[0]["message"]["file"];
    assert_eq!((text(&file["original"]), file["size"].as_u64()), ("stdin", Some(3_000_000)));
    assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    alice.ok("download_file stdin");
    assert_eq!(std::fs::read(alice.path("download/alice/stdin")).unwrap(), bytes);
}

#[test]
fn standard_input_with_lines_cannot_be_a_message() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended =
        alice.run_with_input(&["--json"], b"send alice -\nsend -- alice -\nsend alice fine\n");
    let answers = ended.json();
    assert_eq!(text(&answers[0]["error"]["code"]), "usage", "{ended:?}");
    assert_eq!(texts(&alice.ok("inbox")), ["-", "fine"]);
}

#[test]
fn the_help_of_a_command_sends_no_message() {
    let server = Server::start();
    let alice = server.user("alice");
    for arguments in [&["send", "alice", "--help"][..], &["send", "--help"], &["listen", "--help"]]
    {
        let help = alice.run(arguments);
        assert_eq!((help.status, help.error.as_str()), (Some(0), ""), "{help:?}");
        assert!(help.output.contains(arguments[0]), "{help:?}");
    }
    assert!(items(&alice.ok("inbox")["messages"]).is_empty());
    alice.run(&["send", "--", "@alice", "--help"]);
    assert_eq!(texts(&alice.ok("inbox")), ["--help"]);
    let empty = alice.run(&["send", "alice"]);
    assert!(empty.error.contains("standard input"), "{empty:?}");
}

#[test]
fn names_are_accepted_as_they_are_printed() {
    let server = Server::start();
    let alice = server.user("alice");
    let answers = alice.lines(&["mkgr +lab", "sendgroup +lab hi", "ls_member +lab", "leave +lab"]);
    assert_eq!(text(&answers[0]["group"]), "lab");
    assert_eq!(text(&answers[1]["message"]["group"]), "lab");
    assert_eq!(text(&alice.ok("send @alice hi")["message"]["to"]), "alice");
    assert_eq!(texts(&alice.ok("inbox --from @alice")), ["hi"]);
    assert_eq!(alice.refused("send +lab hi"), "invalid_name");
    let named = server.visitor().run(&["--user", "@alice", "ls"]);
    assert_eq!(named.status, Some(0), "{named:?}");
}
