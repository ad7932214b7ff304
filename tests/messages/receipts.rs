//! The receipts of a message: `send --wait`.

use crate::harness::{Bot, Server, items, text, texts, until};

#[test]
fn a_send_that_waits_for_reading_ends_when_the_message_is_read() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let mut waiting = alice.talk();
    waiting.tell("send --wait read bob hi");
    until("the message is there", || !texts(&bob.ok("inbox")).is_empty());
    let answer = waiting.answer().unwrap();
    assert_eq!(answer["ok"], true, "{answer}");
    assert_eq!(answer["message"]["text"], "hi");
    assert_eq!(answer["receipt"]["stage"], "read");
    assert_eq!(answer["receipt"]["receivers"], 1);
}

#[test]
fn an_unacknowledged_message_counts_as_delivered_to_a_listener() {
    let server = Server::start();
    let (alice, bot) = (server.user("alice"), server.user("bot"));
    let mut listening = Bot::listen(&bot, &["--ack"]);
    let mut talk = alice.talk();
    let answer = talk.ok("send --wait delivered bot hi");
    assert_eq!(answer["receipt"]["stage"], "delivered");
    assert_eq!(answer["receipt"]["read"], 0);
    assert_eq!(listening.next()["id"], answer["message"]["id"]);
    talk.ok("mkgr lab");
    assert_eq!(talk.ok("sendgroup --wait read lab alone")["receipt"]["receivers"], 0);
}

#[test]
fn the_wait_has_a_time_limit_and_the_message_is_stored_anyway() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    for (stage, code) in [("delivered", "not_delivered"), ("read", "not_read")] {
        let waited = alice.run(&["send", "--wait", stage, "--timeout", "1", "bob", "hi"]);
        assert_eq!(waited.status, Some(1), "{waited:?}");
        assert!(waited.error.contains(code) && waited.error.contains("sent @bob:"), "{waited:?}");
    }
    assert_eq!(items(&bob.ok("inbox")["messages"]).len(), 2);
    let plain = alice.run(&["send", "--wait", "stored", "bob", "hi"]);
    assert_eq!((plain.status, plain.output.as_str()), (Some(0), "sent @bob:3\n"));
}

#[test]
fn the_wait_continues_after_a_kill_of_the_server() {
    let server = Server::start();
    let (alice, bob, carol) = (server.user("alice"), server.user("bob"), server.user("carol"));
    let mut waiting = alice.talk();
    waiting.ok("mkgr lab");
    for member in [&bob, &carol] {
        member.ok("join lab");
    }
    waiting.tell("sendgroup --wait read lab hi");
    until("the message is there", || !texts(&carol.ok("inboxgroup lab")).is_empty());
    let _server = server.kill9().start();
    bob.ok("inboxgroup lab");
    let answer = waiting.answer().unwrap();
    assert_eq!(answer["receipt"]["read"], 2, "{answer}");
    assert_eq!(text(&answer["message"]["id"]), "+lab:1");
}
