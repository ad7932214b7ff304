//! A server that stops and restarts under running clients: no message is lost or duplicated.

use rustix::process::Signal;

use crate::harness::{Running, Server, UdpRelay, texts, until};

#[test]
fn a_line_typed_while_the_server_is_down_is_run_after_its_restart() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut talk = alice.talk();
    talk.ok("send alice before");
    let stopped = server.kill9();
    talk.tell("send alice after");
    let _server = stopped.start();
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    assert_eq!(texts(&talk.ok("inbox")), ["before", "after"]);
}

#[test]
fn a_command_started_without_a_server_waits_for_the_server() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let stopped = server.stop(Signal::TERM);
    let mut waiting = Running::start(alice.command().args(["send", "alice", "patience"]));
    let notice = waiting.error_line().expect("a word about the server");
    assert!(notice.contains("trying again"), "{notice}");
    let _server = stopped.start();
    assert_eq!(waiting.finish().status, Some(0));
    assert_eq!(texts(&alice.ok("inbox --unread")), ["patience"]);
}

#[test]
fn a_message_whose_answer_was_lost_is_sent_only_once() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let alice = server.user_over(&relay, "alice");
    let mut talk = alice.talk();
    talk.ok("ls");
    relay.lose_answers();
    talk.tell("send bob once");
    until("the message is stored", || !texts(&bob.ok("inbox")).is_empty());
    let stopped = server.kill9();
    relay.mend();
    let _server = stopped.start();
    assert_eq!(talk.answer().expect("an answer")["message"]["id"], "@bob:1");
    assert_eq!(texts(&bob.ok("inbox")), ["once"]);
}

#[test]
fn a_client_that_runs_through_five_kills_sends_everything_once_and_in_order() {
    const SENDS: usize = 300;
    let mut server = Server::start();
    let alice = server.user("alice");
    let mut talk = alice.talk();
    for number in 0..SENDS {
        talk.tell(&format!("send alice {number}"));
    }
    for number in 0..SENDS {
        let answer = talk.answer().expect("an answer to every line");
        assert_eq!(answer["ok"], true, "{answer}");
        if number % 50 == 25 {
            server = server.kill9().start();
        }
    }
    let sent: Vec<_> = (0..SENDS).map(|number| number.to_string()).collect();
    assert_eq!(texts(&talk.ok("inbox")), sent);
}
