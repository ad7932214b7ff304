//! Many texts of a script under way at once: in order, once, and not a round trip each.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{Path, Server, Weather, items, text, texts};

/// So many lines on standard input.
const LINES: usize = 1000;

/// As long as it takes by satellite, in each direction.
const FAR: Duration = Duration::from_millis(600);

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// The texts that bob sent to alice, as she finds them.
fn inbox(alice: &crate::harness::Client) -> Vec<String> {
    let answer = alice.ok("inbox --limit 100000");
    texts(&answer).into_iter().map(str::to_owned).collect()
}

fn input(verb: &str, numbers: &[String]) -> Vec<u8> {
    numbers.iter().map(|number| format!("{verb} {number}\n")).collect::<String>().into_bytes()
}

#[test]
fn a_thousand_lines_over_a_long_link_do_not_wait_for_each_other() {
    let server = Server::start();
    let alice = server.user("alice");
    let path = Path::to(server.address);
    let bob = server.user_over(&path, "bob");
    bob.ok("ls");
    path.change_weather(Weather::far(FAR));
    let said = numbers(0..LINES);
    let begun = Instant::now();
    bob.ok("send bob a note");
    let alone = begun.elapsed();
    let begun = Instant::now();
    let ended = bob.run_with_input(&["--json"], &input("send alice", &said));
    let taken = begun.elapsed();
    println!("over {FAR:?} one way 1 line took {alone:?}, {LINES} lines {taken:?}");
    assert_eq!(ended.status, Some(0), "{}", ended.error);
    assert_eq!(ended.json().len(), LINES);
    assert_eq!(inbox(&alice), said);
    // One after the other they would take 20 minutes.
    assert!(taken < 10 * alone, "{taken:?} beside {alone:?}");
}

#[test]
fn order_and_number_hold_when_the_server_is_killed_and_the_link_is_cut_meanwhile() {
    let mut server = Server::start();
    let alice = server.user("alice");
    let path = Path::to(server.address);
    let bob = server.user_over(&path, "bob");
    let mut talk = bob.talk();
    let said = numbers(0..LINES);
    for (number, text) in said.iter().enumerate() {
        talk.tell(&format!("send alice {text}"));
        if number == 300 || number == 600 {
            server = server.kill9().start();
        }
        if number == 450 || number == 750 {
            path.change_ports();
        }
        if number == 850 {
            path.lose_answers();
        }
    }
    // Some of them are stored, and nobody knows it.
    let stopped = server.kill9();
    path.mend();
    let _server = stopped.start();
    let answers: Vec<Value> = (0..LINES).map(|_| talk.answer().expect("an answer")).collect();
    for answer in &answers {
        assert_eq!(answer["ok"], true, "{answer}");
    }
    let places: Vec<_> = answers.iter().map(|answer| text(&answer["message"]["id"])).collect();
    let expected: Vec<_> = (1..=LINES).map(|place| format!("@alice:{place}")).collect();
    assert_eq!(places, expected);
    assert_eq!(inbox(&alice), said);
}

#[test]
fn a_line_that_is_refused_leaves_the_others_alone_and_keeps_its_place_in_the_output() {
    let server = Server::start();
    let alice = server.user("alice");
    let lines = ["send alice 1", "send nobody 2", "sendgroup lab 3", "mkgr lab", "sendgroup lab 4"];
    let answers = alice.lines(&lines);
    let codes: Vec<_> = answers.iter().map(|answer| answer["error"]["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("user_not_found"), Some("group_not_found"), None, None]);
    assert_eq!(texts(&alice.ok("inbox")), ["1"]);
    assert_eq!(texts(&alice.ok("inboxgroup lab")), ["4"]);
}

#[test]
fn after_a_failed_line_bail_sends_no_other() {
    let server = Server::start();
    let alice = server.user("alice");
    let input = b"send alice 1\nsend nobody 2\nsend alice 3\n";
    let ended = alice.run_with_input(&["--json", "--bail"], input);
    assert_eq!((ended.status, ended.json().len()), (Some(1), 2), "{}", ended.error);
    assert_eq!(texts(&alice.ok("inbox")), ["1"]);
}

#[test]
fn texts_of_a_session_that_has_ended_are_refused() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut talk = alice.talk();
    talk.ok("send alice before");
    alice.ok("auth_logout --all");
    talk.tell("send alice after");
    let refused = talk.answer().expect("an answer");
    assert_eq!(refused["ok"], false, "{refused}");
    let alice = server.client_of("alice");
    assert_eq!(items(&alice.ok("inbox")["messages"]).len(), 1);
}
