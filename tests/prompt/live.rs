//! Messages that appear at a prompt by themselves.

use crate::harness::{Bot, Client, PASSWORD, Screen, Server, items, texts};

/// Alice at her prompt, at which messages arrive, and bob, who sends them.
struct LivePrompt {
    server: Server,
    alice: Client,
    bob: Client,
    screen: Screen,
}

fn prompt() -> LivePrompt {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.lines(&["mkgr lab"]);
    bob.lines(&["join lab"]);
    let screen = Screen::open(&alice, &[]);
    knock(&bob, "alice", &screen);
    screen.prompts("alice");
    LivePrompt { server, alice, bob, screen }
}

/// Sends messages until one of them appears by itself: the prompt starts watching in the background.
pub(crate) fn knock(from: &Client, to: &str, screen: &Screen) {
    screen.prompts(to);
    let before = screen.raw().len();
    while !screen.raw()[before..].contains("knock") {
        from.ok(&format!("send {to} knock"));
    }
}

impl LivePrompt {
    /// Ends the session, which marks the shown messages as read.
    fn leave(mut self) -> (Server, Client) {
        self.screen.prompts("alice");
        self.screen.enter("quit");
        assert_eq!(self.screen.ends(), 0);
        (self.server, self.alice)
    }
}

#[track_caller]
fn check_once(shown: &str, text: &str) {
    assert_eq!(shown.matches(text).count(), 1, "{text} in:\n{shown}");
}

#[test]
fn messages_have_the_width_of_a_terminal_that_became_narrower() {
    const NARROW: u16 = 50;
    let LivePrompt { server: _server, alice: _alice, bob, screen } = prompt();
    screen.resize(NARROW);
    // If the terminal broke this line itself, the rest would be at the left margin.
    bob.ok(&format!("send alice {}", "é".repeat(90)));
    bob.ok("send alice that was all");
    screen.wrote("that was all");
    let raw = screen.raw();
    let rows: Vec<_> = raw.lines().filter(|row| row.contains("ééé")).collect();
    assert!(rows.len() > 1, "{rows:?}");
    for row in rows {
        let shown = row.split('│').next_back().unwrap_or_default().trim_end();
        assert!(shown.chars().count() < NARROW.into(), "{row:?}");
    }
}

#[test]
fn messages_of_others_appear_at_the_prompt_and_are_read() {
    let prompt = prompt();
    let LivePrompt { alice, bob, screen, .. } = &prompt;
    bob.ok("send alice hello there");
    screen.shows("  bob │ hello there");
    bob.ok("sendgroup lab to all");
    screen.shows("  +lab bob │ to all");
    bob.write("notes.txt", b"notes");
    bob.ok("send_file alice notes.txt");
    screen.shows("  bob + notes.txt, 5 B");
    // A message that this user sends on another device does not appear.
    alice.ok("send bob from elsewhere");
    alice.ok("send alice a note");
    alice.ok("sendgroup lab a word");
    bob.ok("send alice and more");
    let shown = screen.shows("  bob │ and more");
    check_once(&shown, "hello there");
    for own in ["from elsewhere", "a note", "a word"] {
        assert!(!shown.contains(own), "{shown}");
    }
    let (_server, alice) = prompt.leave();
    assert_eq!(texts(&alice.ok("inbox --unread --from bob")), Vec::<&str>::new());
    let group = alice.ok("inboxgroup lab");
    assert!(items(&group["messages"]).iter().all(|message| message["unread"] == false), "{group}");
}

#[test]
fn own_messages_are_marked_after_their_delivery_and_reading() {
    let LivePrompt { server, bob, mut screen, alice: _alice } = prompt();
    screen.enter("send bob have you seen this?");
    let shown = screen.shows("sent @bob:");
    assert!(!shown.contains('✓'), "{shown}");
    let first = last_sent(&shown);
    bob.ok("inbox");
    screen.shows(&format!("✓ read: {first}"));
    // The marks also appear after a restart, and for a line that had waited.
    screen.enter("sendgroup lab and this?");
    screen.shows("sent +lab:1");
    let stopped = server.kill9();
    screen.shows("connection lost");
    screen.enter("send bob and what was typed meanwhile?");
    screen.shows("kept");
    let _server = stopped.start();
    let second = last_sent(&screen.shows("← send bob"));
    let _listening = Bot::listen(&bob, &["--ack"]);
    screen.shows("✓ delivered: ");
    bob.ok("inboxgroup lab");
    screen.shows("✓ read: +lab:1");
    bob.ok("inbox");
    let shown = screen.shows(&format!("✓ read: {second}"));
    check_once(&shown, &format!("✓ read: {first}"));
}

/// The id of the last message that the screen reports as sent.
fn last_sent(shown: &str) -> String {
    let (_, after) = shown.rsplit_once("sent @").expect("a message was sent");
    format!("@{}", after.split_whitespace().next().unwrap())
}

#[test]
fn a_partly_typed_line_stays() {
    let LivePrompt { server: _server, bob, mut screen, .. } = prompt();
    screen.press("send bob half");
    screen.shows("> send bob half");
    bob.ok("send alice in between");
    screen.shows("  bob │ in between");
    screen.enter(" typed");
    screen.shows("sent @bob:");
    screen.prompts("alice");
    assert_eq!(texts(&bob.ok("inbox --from alice")), ["half typed"]);
}

#[test]
fn escape_codes_of_received_messages_do_not_reach_the_screen() {
    let LivePrompt { server: _server, bob, screen, .. } = prompt();
    let codes = ["\u{1b}[2J", "\u{1b}]0;owned\u{7}", "\u{9b}31m", "\u{202e}desrever", "\u{1b}P+q"];
    for (number, code) in codes.iter().enumerate() {
        bob.ok(&format!("send alice before{number}{code}after{number}"));
        screen.shows(&format!("after{number}"));
    }
    let raw = screen.raw();
    for code in codes {
        assert!(!raw.contains(code), "{code:?} reached the terminal");
    }
    let ended = bob.run(&["send", "alice", "innocent\n  17:40  carol │ forged"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    let shown = screen.shows("forged");
    let forged = shown.lines().find(|line| line.contains("forged")).unwrap();
    assert!(forged.trim_start().starts_with('│'), "{shown}");
}

#[test]
fn messages_from_around_a_kill_of_the_server_appear_once() {
    let LivePrompt { server, alice: _alice, bob, screen } = prompt();
    bob.ok("send alice before");
    screen.shows("│ before");
    let _server = server.kill9().start();
    bob.ok("send alice first");
    bob.ok("sendgroup lab second");
    screen.shows("connected again");
    screen.shows("+lab bob │ second");
    screen.shows("│ first");
    bob.ok("send alice third");
    let shown = screen.shows("│ third");
    for text in ["│ before", "│ first", "│ second", "│ third", "connection lost", "connected again"]
    {
        check_once(&shown, text);
    }
}

#[test]
fn the_prompt_says_that_it_is_offline_and_a_line_waits_for_the_connection() {
    let LivePrompt { server, alice: _alice, bob, mut screen } = prompt();
    let stopped = server.terminate();
    screen.shows("connection lost; trying again");
    screen.press("\r");
    screen.prompts("alice@127.0.0.1 (offline)>");
    screen.enter("send bob patience");
    let _server = stopped.start();
    screen.shows("sent @bob:");
    screen.prompts("alice@127.0.0.1>");
    assert_eq!(texts(&bob.ok("inbox --from alice")), ["patience"]);
    bob.ok("send alice welcome back");
    check_once(&screen.shows("│ welcome back"), "connection lost");
}

#[test]
fn no_message_appears_while_a_line_runs() {
    let LivePrompt { server: _server, alice, bob, mut screen } = prompt();
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(96 * 1024 * 1024).unwrap();
    screen.enter("send_file alice film.mkv");
    screen.wrote("MiB/s");
    bob.ok("send alice meanwhile");
    let shown = screen.shows("bob │ meanwhile");
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in:\n{shown}"));
    assert!(place("sent @alice:") < place("bob │ meanwhile"), "{shown}");
}

#[test]
fn messages_of_another_user_do_not_appear_after_a_sign_out() {
    let LivePrompt { server, alice: _alice, bob, mut screen } = prompt();
    server.user("carol").ok("ls");
    screen.enter("auth_logout");
    screen.shows("signed out");
    screen.enter("auth_login carol");
    screen.shows("password of carol:");
    bob.ok("send alice for alice");
    bob.ok("send carol too early");
    screen.enter_unseen(PASSWORD);
    knock(&bob, "carol", &screen);
    bob.ok("send carol for carol");
    let shown = screen.shows("│ for carol");
    for early in ["for alice", "too early"] {
        assert!(!shown.contains(early), "{shown}");
    }
}
