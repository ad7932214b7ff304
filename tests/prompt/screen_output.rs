//! The output on the screen: no escape codes of other users, and a progress bar for a large file.

use crate::harness::{Client, PASSWORD, Screen, Server};

/// A prompt with a saved session, on a wide terminal.
fn open(client: &Client) -> Screen {
    client.ok("ls");
    let screen = Screen::open(client, &[]);
    screen.prompts("alice");
    screen
}

/// Escape codes that must not reach the screen.
const HOSTILE: [(&str, &str); 6] = [
    ("clears the screen", "\u{1b}[2J\u{1b}[1;1H"),
    ("sets the title", "\u{1b}]0;owned\u{7}"),
    ("sets the title without an end", "\u{1b}]2;owned"),
    ("is a device string", "\u{1b}P+q544e\u{1b}\\"),
    ("is of the C1 kind", "\u{9b}31mred\u{9d}0;owned\u{9c}"),
    ("turns the line around", "\u{202e}desrever"),
];

#[test]
fn escape_codes_in_a_message_do_not_reach_the_screen() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    for (number, (_, code)) in HOSTILE.iter().enumerate() {
        bob.ok(&format!("send alice before{number}{code}after{number}"));
    }
    let mut screen = open(&alice);
    screen.enter("inbox");
    let shown = screen.shows("after5");
    let raw = screen.raw();
    for (number, (what, code)) in HOSTILE.iter().enumerate() {
        assert!(!raw.contains(code), "what {what} reached the terminal");
        assert!(shown.contains(&format!("before{number}")), "{what}:\n{shown}");
    }
    assert!(!raw.contains(['\u{9b}', '\u{9d}', '\u{202e}']));
}

#[test]
fn a_line_break_cannot_forge_another_message() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let ended = bob.run(&["send", "alice", "innocent\nforged line\rcarriage"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let mut screen = open(&alice);
    screen.enter("inbox");
    let shown = screen.shows("forged line");
    let line = shown.lines().find(|line| line.contains("forged line")).unwrap();
    assert!(!line.starts_with("forged"), "a continuation is indented:\n{shown}");
    assert!(shown.contains("innocent") && shown.contains("carriage"), "{shown}");
}

#[test]
fn escape_codes_in_a_refused_line_are_not_printed() {
    let server = Server::start();
    let alice = server.user("alice");
    // The codes are on the command line, because they cannot be typed.
    let screen = Screen::open(
        &alice,
        &["--password-file", "password", "-c", "join no\u{1b}]0;owned\u{7}where"],
    );
    screen.wrote("rror");
    assert!(!screen.raw().contains("\u{1b}]0;owned"));
}

#[test]
fn a_large_file_has_a_progress_bar_in_both_directions() {
    let server = Server::start();
    let alice = server.user("alice");
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(96 * 1024 * 1024).unwrap();
    let mut screen = open(&alice);
    screen.enter("send_file alice film.mkv");
    screen.wrote("MiB/s");
    screen.prompts("alice");
    let before = screen.raw().len();
    screen.enter("download_file film.mkv");
    screen.wrote("download/alice/film.mkv");
    screen.prompts("alice");
    let raw = screen.raw();
    let download = &raw[before..];
    assert!(download.contains("MiB/s") && download.contains("film.mkv"), "{download:?}");
}

#[test]
fn an_unknown_server_is_shown_and_pinned_at_a_terminal() {
    let server = Server::start();
    let address = server.address.to_string();
    let client = Client::at(&["--server", &address], None);
    let mut screen = Screen::open(&client, &[]);
    screen.shows(&server.fingerprint);
    // The client may ask, or only report the key.
    if screen.shows_either("yes", ">").contains("yes") {
        screen.enter("yes");
    }
    screen.prompts("");
    screen.enter("quit");
    assert_eq!(screen.ends(), 0);
    client.ok(&format!("auth_register alice {PASSWORD}"));
}

#[test]
fn a_changed_key_stops_the_prompt_too() {
    let server = Server::start();
    let address = server.address.to_string();
    let client = Client::at(&["--server", &address, "--accept-new"], None);
    client.ok("auth_register alice x");
    let old = server.fingerprint.clone();
    let stopped = server.terminate();
    std::fs::remove_dir_all(stopped.folder.path().join("cert")).unwrap();
    let server = stopped.start();
    let client = client.pointed_at(&["--server", &address]);
    let screen = Screen::open(&client, &[]);
    screen.wrote(&old);
    screen.wrote(&server.fingerprint);
    assert_eq!(screen.ends(), 3);
}
