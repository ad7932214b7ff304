//! Terminals of all kinds: what they show of a line under way, and how they are left.

use rustix::process::Signal;

use crate::files::sending::noise;
use crate::harness::{Client, Screen, Server};
use crate::prompt::live::knock;

/// Somebody whose session is saved, so that nobody is asked for a password.
fn with_session(server: &Server, name: &str) -> Client {
    let client = server.user(name);
    client.ok("ls");
    client
}

/// Alice and Bob, and Alice's prompt.
fn at_prompt(server: &Server) -> (Client, Client, Screen) {
    let (alice, bob) = (with_session(server, "alice"), server.user("bob"));
    let screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    (alice, bob, screen)
}

#[test]
fn a_signal_that_ends_the_prompt_leaves_the_terminal_as_it_was() {
    let server = Server::start();
    let (alice, _bob, mut screen) = at_prompt(&server);
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        assert!(!screen.is_as_before(), "the editor changes the modes");
        screen.signal(signal);
        assert_eq!(screen.waits_for_end(), status);
        assert!(screen.is_as_before(), "{signal:?}");
        screen = Screen::open(&alice, &[]);
        screen.prompts("alice");
    }
    screen.enter("quit");
    assert_eq!(screen.waits_for_end(), 0);
    assert!(screen.is_as_before());
}

#[test]
fn live_messages_appear_on_terminals_that_take_only_lines() {
    let server = Server::start();
    let (alice, bob) = (with_session(&server, "alice"), server.user("bob"));
    for kind in [Some("dumb"), None] {
        let screen = Screen::on(kind, &alice, &[]);
        screen.shows("alice@");
        knock(&bob, "alice", &screen);
        bob.ok("send alice hello there");
        screen.shows("bob │ hello there");
    }
}

#[test]
fn one_command_at_a_terminal_shows_a_bar() {
    let server = Server::start();
    let (alice, _bob) = (with_session(&server, "alice"), server.user("bob"));
    alice.write("big.iso", &noise(40 * 1024 * 1024));
    let screen = Screen::open(&alice, &["send_file", "bob", "big.iso"]);
    screen.wrote("big.iso");
    screen.wrote("/s");
    assert_eq!(screen.ends(), 0);
}

#[test]
fn a_line_that_is_typed_ahead_is_shown_once() {
    let server = Server::start();
    let (_alice, _bob, mut screen) = at_prompt(&server);
    server.signal(Signal::STOP);
    screen.enter("ls");
    screen.shows("waiting for the server");
    screen.press("mkgr typed-ahead");
    server.signal(Signal::CONT);
    screen.half_typed("", ["", ""]);
    let shown = screen.shows("mkgr typed-ahead");
    assert_eq!(shown.matches("mkgr typed-ahead").count(), 1, "{shown}");
    assert_eq!(screen.raw().matches("typed-ahead").count(), 1);
}

#[test]
fn a_url_stays_one_word_for_the_terminal_to_open() {
    let server = Server::start();
    let (_alice, bob, screen) = at_prompt(&server);
    knock(&bob, "alice", &screen);
    let url = format!("https://example.org/{}", "path/".repeat(40));
    bob.ok(&format!("send alice {url}"));
    screen.wrote(&url);
}

#[test]
fn a_server_that_takes_its_time_is_told() {
    let server = Server::start();
    let (_alice, _bob, mut screen) = at_prompt(&server);
    server.signal(Signal::STOP);
    screen.enter("send bob hi");
    screen.shows("waiting for the server; Ctrl-C stops waiting");
    server.signal(Signal::CONT);
    screen.prompts("alice");
}

#[test]
fn listening_and_background_transfers_are_explained_where_they_are_not() {
    let server = Server::start();
    let (alice, _bob, mut screen) = at_prompt(&server);
    screen.enter("listen");
    screen.shows("qchat client --user NAME listen");
    let ended = alice.run(&["transfers"]);
    assert!(ended.error.contains("only at the prompt"), "{ended:?}");
    assert!(!ended.error.contains('&'), "{ended:?}");
}

#[test]
fn a_long_paste_is_drawn_by_what_is_added() {
    const CHARACTERS: usize = 20_000;
    let server = Server::start();
    let (_alice, bob, mut screen) = at_prompt(&server);
    // No paste as the terminal marks one: each character is a key.
    let typed = "x".repeat(CHARACTERS);
    screen.press(&format!("send bob {typed}\r"));
    screen.wrote("16384 are possible");
    let drawn = screen.bytes().len();
    assert!(drawn < 400 * CHARACTERS, "{drawn} bytes were drawn for {CHARACTERS} keys");
    drop(bob);
}
