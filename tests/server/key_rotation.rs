//! A server that changes its key, and clients that received the announcement or did not.

use crate::harness::{Bot, Client, Screen, Server, until};
use crate::server::identity::pinned;
use crate::server::reload::READ;

/// The client's message after the announced key came into use.
const CHANGED: &str = "has changed to the one that it had announced";

/// A device of a user, which has pinned the key of the server.
fn device(server: &Server, name: &str) -> Client {
    server.user(name);
    Client::at(&["--server", &server.address.to_string(), "--accept-new"], Some(name))
}

/// Connects until the client has stored this key. On a busy machine a connection may end before the
/// announcement arrives.
fn visit_until_pinned(client: &Client, line: &str) {
    until("the server's keys are noted", || {
        client.ok("ls");
        pinned(client) == [line]
    });
}

#[track_caller]
fn check_pinned(client: &Client, line: &str) {
    assert_eq!(pinned(client), [line]);
}

#[test]
fn clients_with_the_announcement_continue_and_others_stop() {
    let mut server = Server::start();
    let (address, old) = (server.address, server.fingerprint.clone());
    let (alice, bob) = (device(&server, "alice"), device(&server, "bob"));
    let asked = server.user("carol");
    alice.ok("ls");
    bob.ok("ls");
    check_pinned(&alice, &format!("{address} {old}"));

    let new = server.folder.cert(&["--next"]);
    assert_eq!(server.folder.cert(&["--next"]), new);
    assert!(server.hang_up(READ).contains(&new));
    asked.ok("ls");
    visit_until_pinned(&alice, &format!("{address} {old} next {new}"));
    check_pinned(&bob, &format!("{address} {old}"));

    for _ in 0..2 {
        assert_eq!(server.folder.cert(&["--rotate"]), new);
    }
    server.hang_up(READ);
    let ended = alice.run(&["ls"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let told = format!("the key of {address} {CHANGED}: {new}\n");
    assert_eq!(ended.error, told);
    check_pinned(&alice, &format!("{address} {new}"));
    assert_eq!(alice.run(&["ls"]).error, "");

    let ended = bob.run(&["ls"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains(&old) && ended.error.contains(&new), "{}", ended.error);
    check_pinned(&bob, &format!("{address} {old}"));
    // A requested fingerprint is checked, whatever was announced.
    let ended = asked.run(&["ls"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(pinned(&asked).is_empty());
}

#[test]
fn an_announced_key_that_is_withdrawn_is_forgotten() {
    let mut server = Server::start();
    let (address, old) = (server.address, server.fingerprint.clone());
    let alice = device(&server, "alice");
    let lost = server.folder.cert(&["--next"]);
    server.hang_up(READ);
    visit_until_pinned(&alice, &format!("{address} {old} next {lost}"));
    let file = server.folder().join("cert/next-key.pem");
    let stolen = std::fs::read(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    server.hang_up(READ);
    visit_until_pinned(&alice, &format!("{address} {old}"));
    // A server with the withdrawn key is not trusted.
    std::fs::write(&file, stolen).unwrap();
    server.folder.set_mode("cert/next-key.pem", 0o600);
    server.folder.cert(&["--rotate"]);
    server.hang_up(READ);
    assert_eq!(alice.run(&["ls"]).status, Some(3));
}

#[test]
fn a_connected_listener_gets_the_announcement_and_follows_the_restart() {
    let mut server = Server::start();
    let (address, old) = (server.address, server.fingerprint.clone());
    let bot = device(&server, "bot");
    let mut listening = Bot::listen(&bot, &[]);
    let first = format!("new server {address}, remembered: {old}");
    until("the key is pinned", || pinned(&bot) == [format!("{address} {old}")]);
    server.folder.cert(&["--next"]);
    // The connection stays open. The key is rotated before the listener gets the announcement.
    let new = server.folder.cert(&["--rotate"]);
    server.hang_up(READ);
    let next = format!("{address} {old} next {new}");
    until("the new key is noted", || pinned(&bot) == [next.clone()]);
    let third = server.folder.cert(&["--next"]);

    let server = server.terminate().start();
    assert_eq!(server.fingerprint, new);
    let next = format!("{address} {new} next {third}");
    until("the next key is noted", || pinned(&bot) == [next.clone()]);
    assert_eq!(listening.0.error_line(), Some(first));
    let told = format!("the key of {address} {CHANGED}: {new}");
    assert_eq!(listening.0.error_line(), Some(told));
    server.user("dora").ok("send bot hi");
    assert_eq!(listening.texts(1), ["hi"]);
    assert_eq!(listening.stopped(), "");
}

#[test]
fn the_prompt_reports_the_new_key_when_it_is_connected_again() {
    let mut server = Server::start();
    let (address, old) = (server.address, server.fingerprint.clone());
    let alice = device(&server, "alice");
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    let new = server.folder.cert(&["--next"]);
    server.hang_up(READ);
    let next = format!("{address} {old} next {new}");
    until("the next key is noted", || pinned(&alice) == [next.clone()]);
    server.folder.cert(&["--rotate"]);
    let _server = server.terminate().start();
    screen.shows("has changed to the one");
    screen.enter("send alice still here");
    screen.shows("sent @alice:1");
    check_pinned(&alice, &format!("{address} {new}"));
}

#[test]
fn a_rotation_without_a_next_key_changes_nothing() {
    let server = Server::start();
    let key = std::fs::read(server.folder().join("cert/key.pem")).unwrap();
    assert_eq!(server.folder.cert(&["--rotate"]), server.fingerprint);
    assert_eq!(std::fs::read(server.folder().join("cert/key.pem")).unwrap(), key);
}
