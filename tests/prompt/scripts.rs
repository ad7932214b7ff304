//! The contract with scripts: exit statuses, output streams, and the ways to give lines.

use crate::harness::{Client, Server, items, text, texts};

#[test]
fn a_command_can_be_given_in_four_ways() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.run(&["send", "alice", "as one shell command"]);
    alice.run(&["-c", "send alice as a -c line"]);
    alice.run_with_input(&[], b"send alice as a line of standard input\n");
    alice.run_with_input(&[], b"send alice as a last line without an end");
    let inbox = alice.ok("inbox");
    assert_eq!(
        texts(&inbox),
        [
            "as one shell command",
            "as a -c line",
            "as a line of standard input",
            "as a last line without an end",
        ]
    );
}

#[test]
fn several_c_lines_run_in_order_on_one_connection() {
    let server = Server::start();
    let visitor = server.visitor();
    let ended = visitor.run(&[
        "--json",
        "-c",
        "auth_register alice x",
        "-c",
        "auth_login alice x",
        "-c",
        "send alice hi",
        "-c",
        "inbox",
    ]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let answers = ended.json();
    let commands: Vec<_> = answers.iter().map(|answer| text(&answer["command"])).collect();
    assert_eq!(commands, ["auth_register", "auth_login", "send", "inbox"]);
    assert_eq!(texts(&answers[3]), ["hi"]);
}

#[test]
fn after_a_failed_line_the_other_lines_still_run() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run(&["--json", "-c", "send nobody hi", "-c", "send alice hi"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.json().len(), 2);
    assert_eq!(texts(&alice.ok("inbox")), ["hi"]);
}

#[test]
fn bail_stops_at_the_first_failed_line() {
    let server = Server::start();
    let alice = server.user("alice");
    let lines = b"send alice 1\nsend nobody 2\nsend alice 3\n";
    let ended = alice.run_with_input(&["--json", "--bail"], lines);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert_eq!(ended.json().len(), 2);
    assert_eq!(texts(&alice.ok("inbox")), ["1"]);
}

#[test]
fn results_go_to_standard_output_and_errors_to_standard_error() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run(&["-c", "send alice find me here", "-c", "inbox", "-c", "join nowhere"]);
    assert_eq!(ended.status, Some(1), "{ended:?}");
    assert!(ended.output.contains("find me here"), "{ended:?}");
    assert!(ended.error.contains("group not found: nowhere"), "{ended:?}");
    assert!(!ended.output.contains("nowhere"), "{ended:?}");
}

#[test]
fn standard_output_has_one_line_for_each_message_and_no_remark() {
    let server = Server::start();
    let alice = server.user("alice");
    let empty = alice.run(&["-c", "inbox", "-c", "ls", "-c", "ls_group"]);
    assert_eq!(empty.output, "", "{empty:?}");
    assert_eq!(empty.error.lines().count(), 3, "{empty:?}");
    let input: String = (0..25).map(|number| format!("send alice {number}\n")).collect();
    alice.run_with_input(&[], input.as_bytes());
    let inbox = alice.run(&["inbox", "--limit", "20"]);
    assert_eq!(inbox.output.lines().count(), 20, "{inbox:?}");
    assert!(inbox.output.lines().all(|line| line.contains("alice │ ")), "{inbox:?}");
    assert!(inbox.error.contains("older messages exist: inbox --limit 20 --before"), "{inbox:?}");
}

#[test]
fn of_several_files_the_failed_ones_are_reported_on_standard_error() {
    let server = Server::with(&["--max-file-size", "10"]);
    let alice = server.user("alice");
    std::fs::create_dir(alice.path("photos")).unwrap();
    alice.write("photos/short.txt", b"short");
    alice.write("photos/long.txt", b"longer than ten bytes");
    std::os::unix::fs::symlink("short.txt", alice.path("photos/link")).unwrap();
    let sent = alice.run(&["send_file", "alice", "photos"]);
    assert_eq!(sent.output.lines().count(), 1, "{sent:?}");
    assert!(sent.output.starts_with("sent 1 file, 5 B"), "{sent:?}");
    for part in ["too_large", "not_all_sent", "photos/link"] {
        assert!(sent.error.contains(part), "{sent:?}");
    }
}

#[test]
fn without_a_terminal_there_is_no_color_no_bar_and_no_prompt() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.bin", &crate::files::sending::noise(3_000_000));
    let lines = b"send alice hi\nls\nmkgr lab\nls_group\nsend_file alice a.bin\ninbox\ndownload_file a.bin\nhelp\nxyzzy\n";
    let ended = alice.run_with_input(&[], lines);
    for stream in [&ended.output, &ended.error] {
        assert!(!stream.contains(['\u{1b}', '\r']), "{stream:?}");
        assert!(!stream.lines().any(|line| line.trim_end().ends_with('>')), "{stream:?}");
    }
    assert!(!ended.error.contains('%') && !ended.error.contains("MiB/s"), "{}", ended.error);
}

#[test]
fn escape_codes_of_a_message_are_made_visible_in_plain_output_too() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("send alice \u{1b}[2J\u{9b}31m\u{7}beware");
    let ended = alice.run(&["inbox"]);
    assert!(ended.output.contains("beware"), "{ended:?}");
    assert!(!ended.output.contains(['\u{1b}', '\u{7}', '\u{9b}']), "{ended:?}");
}

#[test]
fn json_prints_one_object_a_line_and_nothing_else() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run_with_input(&["--json"], b"send alice a\nxyzzy\nls\ninbox\n");
    assert_eq!(ended.output.lines().count(), 4, "{ended:?}");
    assert_eq!(ended.status, Some(1));
    let answers = ended.json();
    assert_eq!(answers[1]["error"]["code"], "unknown_command");
    assert_eq!(items(&answers[3]["messages"]).len(), 1);
}

#[test]
fn blank_lines_are_no_commands() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run_with_input(&["--json"], b"\n  \nls\n\n");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.json().len(), 1, "{ended:?}");
}

#[test]
fn bad_usage_of_the_program_is_status_2() {
    let server = Server::start();
    let alice = server.user("alice");
    for arguments in [
        &["--no-such-flag"][..],
        &["--timeout", "soon", "ls"],
        &["-c", "ls", "inbox"],
        &["--fingerprint"],
        &["send"],
        &["xyzzy"],
    ] {
        let ended = alice.run(arguments);
        assert_eq!(ended.status, Some(2), "{arguments:?}: {ended:?}");
        assert_eq!(ended.output, "");
        assert_ne!(ended.error, "");
    }
}

#[test]
fn an_argument_that_is_not_utf_8_is_shown() {
    use std::os::unix::ffi::OsStrExt;
    let server = Server::start();
    let alice = server.user("alice");
    let mut command = alice.command();
    command.args(["send_file", "alice"]).arg(std::ffi::OsStr::from_bytes(b"caf\xe9.txt"));
    let ended = crate::harness::Running::start(&mut command).finish();
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert_eq!(ended.error, "error: the argument \"caf\\xe9.txt\" is not UTF-8\n");
}

#[test]
fn files_that_are_left_out_of_a_folder_are_named_with_their_kind() {
    let server = Server::start();
    let alice = server.user("alice");
    std::fs::create_dir(alice.path("d")).unwrap();
    alice.write("d/a", b"a");
    std::os::unix::fs::symlink("a", alice.path("d/link")).unwrap();
    let sent = alice.run(&["send_file", "alice", "d"]);
    assert_eq!(sent.error, "left out d/link: a symbolic link, which is not followed\n");
}

#[test]
fn a_line_that_is_not_utf_8_is_refused_and_the_others_run() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run_with_input(&["--json"], b"send alice \xff\xfe\nsend alice fine\n");
    assert_eq!(ended.status, Some(1), "{ended:?}");
    let answers = ended.json();
    assert_eq!(answers[0]["ok"], false);
    let told = text(&answers[0]["error"]["message"]);
    assert_eq!(told, "the line that begins with send is not UTF-8");
    assert_eq!(answers[1]["ok"], true);
    assert_eq!(texts(&alice.ok("inbox")), ["fine"]);
}

#[test]
fn a_line_of_a_gigantic_length_is_refused_and_the_others_run() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut input = b"send alice ".to_vec();
    input.resize(5_000_000, b'x');
    input.extend(b"\nsend alice fine\n");
    let ended = alice.run_with_input(&["--json"], &input);
    let answers = ended.json();
    assert_eq!(answers[0]["error"]["code"], "too_large", "{}", answers[0]);
    assert_eq!(answers[1]["ok"], true);
}

#[test]
fn an_empty_script_succeeds() {
    let server = Server::start();
    let ended = server.visitor().run(&[]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(ended.output, "");
}

#[test]
fn a_lost_server_makes_a_line_fail_as_unknown_or_unreachable_and_never_succeed() {
    let server = Server::start();
    let address = server.address.to_string();
    let client = Client::at(
        &["--server", &address, "--fingerprint", &server.fingerprint, "--timeout", "2"],
        None,
    );
    client.ok("auth_register alice x");
    let mut talk = client.talk();
    talk.ok("auth_login alice x");
    let stopped = server.kill9();
    talk.tell("send alice into the void");
    let answer = talk.answer().unwrap();
    assert_eq!(answer["ok"], false, "{answer}");
    let code = text(&answer["error"]["code"]).to_owned();
    let status = talk.finish().status;
    assert!(
        matches!((code.as_str(), status), ("outcome_unknown", Some(4)) | ("unreachable", Some(3))),
        "{code}, {status:?}"
    );
    drop(stopped);
}

#[test]
fn quit_ends_a_script() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run_with_input(&["--json"], b"send alice 1\nquit\nsend alice 2\n");
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert_eq!(texts(&alice.ok("inbox")), ["1"]);
}
