//! Text arrives byte for byte.

use crate::harness::{Client, Server, text, texts};

/// Sends a line on standard input, and checks the text in the answer and in the inbox.
#[track_caller]
fn check_line(alice: &Client, message: &str) {
    let answers = alice.lines(&[&format!("send alice {message}"), "inbox --unread"]);
    assert_eq!(text(&answers[0]["message"]["text"]), message);
    assert_eq!(texts(&answers[1]), [message]);
}

#[test]
fn a_line_loses_no_quote_and_no_space() {
    let server = Server::start();
    let alice = server.user("alice");
    for message in [
        "it's  \"fine\"",
        "  two before, two after  ",
        "\ta tab\tbetween",
        "'quoted'",
        "\"quoted\"",
        "back\\slash \\n \\u0041 $HOME `ls` *",
        "# no comment",
        "--json -c --limit 5",
        "send bob hi",
    ] {
        check_line(&alice, message);
    }
}

#[test]
fn a_line_keeps_every_character_of_unicode() {
    let server = Server::start();
    let alice = server.user("alice");
    for message in [
        "gr\u{fc}\u{df}e \u{1f980} \u{1f469}\u{200d}\u{1f680} \u{65e5}\u{672c}",
        "e\u{301} is not \u{e9}",
        "\u{202e}right to left\u{2066}",
        "\u{feff}mark",
        "line\u{2028}separator",
        "\u{10ffff}\u{fffd}",
    ] {
        check_line(&alice, message);
    }
}

#[test]
fn control_characters_are_exact_in_json() {
    let server = Server::start();
    let alice = server.user("alice");
    for message in ["\u{1b}[31mred\u{7}\u{8}", "\0nul\u{1}\u{7f}\u{9b}2J", "a\rb", "\u{85}next"] {
        check_line(&alice, message);
    }
}

#[test]
fn a_message_of_exactly_16_kib_arrives() {
    let server = Server::start();
    let alice = server.user("alice");
    check_line(&alice, &"x".repeat(16 * 1024));
    check_line(&alice, &"\u{1f980}".repeat(4 * 1024));
}

#[test]
fn a_shell_command_sends_its_arguments_unchanged() {
    let server = Server::start();
    let alice = server.user("alice");
    let send = |words: &[&str]| {
        let ended = alice.run(&[&["--json", "send", "alice"], words].concat());
        assert_eq!(ended.status, Some(0), "{ended:?}");
        text(&ended.json()[0]["message"]["text"]).to_owned()
    };
    assert_eq!(send(&["it's  \"fine\""]), "it's  \"fine\"");
    assert_eq!(send(&["two", "words"]), "two words");
    assert_eq!(send(&["two\nlines\n"]), "two\nlines\n");
    assert_eq!(send(&["-c"]), "-c");
    assert_eq!(send(&["--json", "--limit"]), "--json --limit");
    assert_eq!(send(&[" spaced "]), " spaced ");
}

#[test]
fn a_line_of_c_may_contain_several_lines_of_text() {
    let server = Server::start();
    let alice = server.user("alice");
    let ended = alice.run(&["--json", "-c", "send alice one\ntwo", "-c", "inbox"]);
    assert_eq!(texts(&ended.json()[1]), ["one\ntwo"]);
}

#[test]
fn a_group_keeps_text_unchanged_too() {
    let server = Server::start();
    let alice = server.user("alice");
    let message = " it's  \"fine\" \u{1b}[2J\u{1f980} ";
    let answers = alice.lines(&["mkgr lab", &format!("sendgroup lab {message}"), "inboxgroup lab"]);
    assert_eq!(text(&answers[1]["message"]["text"]), message);
    assert_eq!(texts(&answers[2]), [message]);
}
