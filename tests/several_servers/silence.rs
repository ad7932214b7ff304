//! A machine that falls silent: no goodbye, and no message about a closed port.

use std::time::{Duration, Instant};

use crate::harness::{Bot, Client, Screen, Server, UdpRelay, texts};

/// Silence is noticed within 5 s. This limit is for a busy machine.
const SOON: Duration = Duration::from_secs(15);

/// A server, and two paths to it that can fall silent. At first the second one is.
fn with_paths() -> (Server, [UdpRelay; 2]) {
    let server = Server::start();
    let paths = [UdpRelay::to(server.address), UdpRelay::to(server.address)];
    paths[1].cut();
    (server, paths)
}

/// A user who knows both paths.
fn user(server: &Server, [first, second]: &[UdpRelay; 2], name: &str) -> Client {
    let list = format!("{},{}", first.address, second.address);
    server.user(name).pointed_at(&["--server", &list, "--fingerprint", &server.fingerprint])
}

#[test]
fn a_script_moves_on_with_its_ids() {
    let (server, paths) = with_paths();
    let alice = user(&server, &paths, "alice");
    let mut talk = alice.talk();
    talk.ok("send alice before");
    assert_eq!(talk.ok("whoami")["server"], paths[0].address.to_string());
    paths[1].mend();
    paths[0].lose_answers();
    let begun = Instant::now();
    talk.ok("send alice once");
    println!("the script moved on after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    assert_eq!(talk.ok("whoami")["server"], paths[1].address.to_string());
    assert_eq!(texts(&talk.ok("inbox")), ["before", "once"]);
}

#[test]
fn a_prompt_and_a_listener_move_on_from_their_cursors() {
    let (server, paths) = with_paths();
    let (alice, bot) = (user(&server, &paths, "alice"), user(&server, &paths, "bot"));
    let bob = server.user("bob");
    alice.ok("ls");
    bot.ok("ls");
    let screen = Screen::open(&alice, &[]);
    screen.prompts("alice");
    let mut listening = Bot::listen(&bot, &[]);
    bob.lines(&["send alice one", "send bot one"]);
    assert_eq!(listening.texts(1), ["one"]);
    screen.shows("│ one");
    paths[1].mend();
    paths[0].cut();
    bob.lines(&["send alice two", "send bot two"]);
    assert_eq!(listening.texts(1), ["two"]);
    screen.shows("│ two");
    bob.lines(&["send alice three", "send bot three"]);
    assert_eq!(listening.texts(1), ["three"]);
    let shown = screen.shows("│ three");
    for text in ["│ one", "│ two", "│ three"] {
        assert_eq!(shown.matches(text).count(), 1, "{text} in:\n{shown}");
    }
    assert!(!shown.contains("offline"), "{shown}");
    assert_eq!(listening.stopped(), "");
}
