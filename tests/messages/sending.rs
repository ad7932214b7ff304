//! Messages from one user to another.

use crate::harness::{Server, items, keys, text, texts};

#[test]
fn a_message_waits_for_an_offline_user() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");

    let sent = alice.ok("send bob hi");

    let received = bob.ok("inbox");
    let message = &received["messages"][0];
    assert_eq!(texts(&received), ["hi"]);
    assert_eq!(message["from"], "alice");
    assert_eq!(message["id"], sent["message"]["id"]);
}

#[test]
fn a_sent_message_has_the_documented_form() {
    let server = Server::start();
    let alice = server.user("alice");
    let _bob = server.user("bob");
    let answer = alice.ok("send bob hi");
    assert_eq!(keys(&answer), ["command", "message", "ok"]);
    assert_eq!(answer["command"], "send");
    let message = &answer["message"];
    assert_eq!(keys(message), ["at", "from", "id", "text", "to", "unread"]);
    assert_eq!(message["from"], "alice");
    assert_eq!(message["to"], "bob");
    assert_eq!(message["text"], "hi");
    check_time(text(&message["at"]));
}

#[test]
fn an_inbox_has_the_documented_form() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("send alice hi");
    let answer = alice.ok("inbox");
    assert_eq!(keys(&answer), ["command", "messages", "more", "ok"]);
    assert_eq!(answer["more"], false);
    let message = &answer["messages"][0];
    assert_eq!(keys(message), ["at", "from", "id", "text", "to", "unread"]);
    assert_eq!(message["unread"], true);
    check_time(text(&message["at"]));
}

/// Checks a time such as `2026-11-22T17:40:07.123Z`, which must be recent.
#[track_caller]
fn check_time(at: &str) {
    let shape: String = at.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00T00:00:00.000Z", "{at}");
    assert!(at > "2025-01-01T00:00:00.000Z", "{at}");
}

#[test]
fn a_message_to_oneself_is_a_note() {
    let server = Server::start();
    let alice = server.user("alice");
    let answers = alice.lines(&["send alice milk", "send alice bread", "inbox"]);
    assert_eq!(texts(&answers[2]), ["milk", "bread"]);
    let ids: Vec<_> = items(&answers[2]["messages"]).iter().map(|message| &message["id"]).collect();
    assert_eq!(ids, [&answers[0]["message"]["id"], &answers[1]["message"]["id"]]);
    assert_eq!(answers[2]["messages"][0]["to"], "alice");
}

#[test]
fn an_inbox_shows_received_messages_and_no_sent_ones() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("send bob ping");
    bob.ok("send alice pong");
    assert_eq!(texts(&alice.ok("inbox")), ["pong"]);
    assert_eq!(texts(&bob.ok("inbox")), ["ping"]);
}

#[test]
fn nobody_reads_messages_to_another_user() {
    let server = Server::start();
    let alice = server.user("alice");
    let _bob = server.user("bob");
    let carol = server.user("carol");
    alice.ok("send bob for bob's eyes");
    assert_eq!(texts(&carol.ok("inbox")), Vec::<&str>::new());
}

#[test]
fn a_message_reaches_an_online_user_too() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    let mut bob = server.user("bob").talk();
    bob.ok("ls");
    for round in ["one", "two", "three"] {
        let sent = alice.ok(&format!("send bob {round}"));
        let received = bob.ok("inbox --unread");
        assert_eq!(texts(&received), [round]);
        assert_eq!(received["messages"][0]["id"], sent["message"]["id"]);
    }
}

#[test]
fn ids_are_unique_and_grow_in_the_order_of_arrival() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.lines(&["send bob 1", "send alice 2", "send bob 3"]);
    bob.lines(&["send bob 4", "send alice 5"]);
    let inbox = |person: &crate::harness::Client| person.ok("inbox");
    let (for_alice, for_bob) = (inbox(&alice), inbox(&bob));
    assert_eq!(texts(&for_alice), ["2", "5"]);
    assert_eq!(texts(&for_bob), ["1", "3", "4"]);
    let mut ids: Vec<_> = items(&for_alice["messages"])
        .iter()
        .chain(items(&for_bob["messages"]))
        .map(|message| text(&message["id"]))
        .collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 5, "{ids:?}");
}
