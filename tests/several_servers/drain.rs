//! A machine that stops in order, and sends its clients to another one.

use crate::harness::{Bot, Client, Screen, Server, text, texts, until, wait_for_cursor};

use super::Beside;

/// Users with saved sessions, and two machines that know them.
fn two_machines(names: &[&str]) -> (Server, Beside, Vec<Client>) {
    let server = Server::start();
    let users: Vec<_> = names.iter().map(|name| server.user(name)).collect();
    for user in &users {
        user.ok("ls");
    }
    let stopped = server.terminate();
    let (second, first) = (Beside::of(&stopped), stopped.start());
    let list = format!("{},{}", first.address, second.address);
    let at = |client: Client| {
        client.pointed_at(&["--server", &list, "--fingerprint", &first.fingerprint])
    };
    let users = users.into_iter().map(at).collect();
    (first, second, users)
}

#[test]
fn a_script_goes_to_another_server_without_a_word() {
    let (first, second, users) = two_machines(&["alice"]);
    let mut talk = users[0].talk();
    assert_eq!(talk.ok("whoami")["server"], first.address.to_string());
    let second = second.start();
    first.terminate();
    for number in 0..3 {
        talk.ok(&format!("send alice {number}"));
    }
    assert_eq!(talk.ok("whoami")["server"], second.address.to_string());
    assert_eq!(texts(&talk.ok("inbox")), ["0", "1", "2"]);
    assert_eq!(talk.finish().error, "");
}

#[test]
fn lines_that_are_sent_during_the_drain_are_done_once_and_in_order() {
    const LINES: usize = 400;
    let (first, second, users) = two_machines(&["alice"]);
    let mut talk = users[0].talk();
    talk.ok("ls");
    let second = second.start();
    for number in 0..LINES {
        talk.tell(&format!("send alice {number}"));
    }
    assert_eq!(talk.answer().unwrap()["ok"], true);
    let stopped = first.terminate();
    let mut places = vec![1];
    for _ in 1..LINES {
        let answer = talk.answer().expect("an answer to every line");
        assert_eq!(answer["ok"], true, "{answer}");
        let (_, place) = text(&answer["message"]["id"]).split_once(':').unwrap();
        places.push(place.parse::<usize>().unwrap());
    }
    assert_eq!(talk.finish().error, "");
    // The second store does not have the messages of the first, so its numbers begin again.
    let moved = places.windows(2).position(|two| two[1] < two[0]).map_or(LINES, |last| last + 1);
    let there = users[0].ok("inbox --limit 1000");
    second.terminate();
    let first = stopped.start();
    let direct = ["--server", &first.address.to_string(), "--fingerprint", &first.fingerprint];
    let alice = users.into_iter().next().unwrap().pointed_at(&direct);
    let here = alice.ok("inbox --limit 1000");
    let sent: Vec<_> = (0..LINES).map(|number| number.to_string()).collect();
    println!("{moved} lines were answered by the first server");
    assert!(sent.iter().map(String::as_str).collect::<Vec<_>>().starts_with(&texts(&here)));
    assert!(texts(&here).len() >= moved, "an answered line is stored");
    assert_eq!(texts(&there), sent[moved..], "a line without an answer is repeated, and no other");
}

#[test]
fn a_prompt_goes_to_another_server_without_a_word() {
    let (first, second, users) = two_machines(&["alice", "bob"]);
    let mut screen = Screen::open(&users[0], &[]);
    screen.prompts("alice@127.0.0.1>");
    let second = second.start();
    first.terminate();
    screen.enter("send bob hi");
    screen.shows("sent @bob:1");
    screen.enter("whoami");
    let shown = screen.shows(&second.address.to_string());
    for word in ["lost", "offline", "connected again", "trying"] {
        assert!(!shown.contains(word), "{word} in:\n{shown}");
    }
    assert_eq!(texts(&users[1].ok("inbox")), ["hi"]);
}

#[test]
fn a_prompt_without_a_line_and_a_listener_hear_from_the_other_server() {
    let (first, second, users) = two_machines(&["alice", "bot"]);
    let screen = Screen::open(&users[0], &[]);
    screen.prompts("alice@127.0.0.1>");
    let mut listening = Bot::listen(&users[1], &[]);
    wait_for_cursor(&users[1], "inbox 0");
    let second = second.start();
    first.terminate();
    second.user("bob").lines(&["send alice after", "send bot after"]);
    screen.shows("│ after");
    assert_eq!(listening.texts(1), ["after"]);
    let shown = screen.prompts("alice@127.0.0.1>");
    assert!(!shown.contains("lost") && !shown.contains("again"), "{shown}");
    assert_eq!(listening.stopped(), "");
}

#[test]
fn a_signed_out_prompt_stays_ready() {
    let (first, second, users) = two_machines(&["alice"]);
    let visitor = first.visitor();
    let list = users[0].arguments()[2].clone();
    let visitor = visitor.pointed_at(&["--server", &list, "--fingerprint", &first.fingerprint]);
    let mut screen = Screen::open(&visitor, &[]);
    screen.prompts("127.0.0.1>");
    let _second = second.start();
    first.terminate();
    screen.enter("auth_register carol secret");
    let shown = screen.shows("registered carol");
    assert!(!shown.contains("offline") && !shown.contains("lost"), "{shown}");
}

#[test]
fn a_wait_for_a_receipt_goes_on_at_the_other_server() {
    let (first, second, users) = two_machines(&["alice", "bob", "carol"]);
    let mut talk = users[0].talk();
    talk.ok("ls");
    let second = second.start();
    for machine in [&first, &second] {
        machine.client_of("alice").ok("mkgr lab");
        machine.client_of("bob").ok("join lab");
        machine.client_of("carol").ok("join lab");
    }
    // Carol does not read it.
    talk.tell("sendgroup --wait read lab hi");
    let bob = first.client_of("bob");
    until("the message is stored", || !texts(&bob.ok("inboxgroup lab")).is_empty());
    // The copy of the store has no such message, so the wait ends with a refusal of the second server.
    first.terminate();
    let answer = talk.answer().unwrap();
    assert_eq!(answer["error"]["code"], "message_not_found", "{answer}");
}
