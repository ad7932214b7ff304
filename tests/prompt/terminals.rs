//! Terminals of all kinds: the output during a line, and the state after the exit.

use rustix::process::Signal;

use crate::files::sending::noise;
use crate::harness::{Client, Screen, Server};
use crate::prompt::live::knock;

/// A user whose session is saved, so that the client asks for no password.
fn with_session(server: &Server, name: &str) -> Client {
    let client = server.user(name);
    client.ok("ls");
    client
}

/// Alice, bob, and alice's prompt.
fn at_prompt(server: &Server) -> (Client, Client, Screen) {
    let (alice, bob) = (with_session(server, "alice"), server.user("bob"));
    let screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    (alice, bob, screen)
}

#[test]
fn a_signal_that_ends_the_prompt_restores_the_terminal() {
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
fn live_messages_appear_on_line_oriented_terminals() {
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
fn a_line_that_is_typed_ahead_is_echoed_once() {
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
fn a_url_is_not_broken_into_lines() {
    let server = Server::start();
    let (_alice, bob, screen) = at_prompt(&server);
    knock(&bob, "alice", &screen);
    let url = format!("https://example.org/{}", "path/".repeat(40));
    bob.ok(&format!("send alice {url}"));
    screen.wrote(&url);
}

#[test]
fn a_slow_server_is_reported() {
    let server = Server::start();
    let (_alice, _bob, mut screen) = at_prompt(&server);
    server.signal(Signal::STOP);
    screen.enter("send bob hi");
    screen.shows("waiting for the server; Ctrl-C stops waiting");
    server.signal(Signal::CONT);
    screen.prompts("alice");
}

#[test]
fn listen_and_background_transfers_are_explained_in_the_wrong_place() {
    let server = Server::start();
    let (alice, _bob, mut screen) = at_prompt(&server);
    screen.enter("listen");
    screen.shows("qchat client --user NAME listen");
    let ended = alice.run(&["transfers"]);
    assert!(ended.error.contains("only at the prompt"), "{ended:?}");
    assert!(!ended.error.contains('&'), "{ended:?}");
}

#[test]
fn each_key_of_a_long_paste_draws_a_bounded_number_of_bytes() {
    const CHARACTERS: usize = 20_000;
    let server = Server::start();
    let (_alice, bob, mut screen) = at_prompt(&server);
    // This paste has no markers of bracketed paste mode, so each character is a key.
    let typed = "x".repeat(CHARACTERS);
    screen.press(&format!("send bob {typed}\r"));
    screen.wrote("16384 are possible");
    let drawn = screen.bytes().len();
    assert!(drawn < 400 * CHARACTERS, "{drawn} bytes were drawn for {CHARACTERS} keys");
    drop(bob);
}
