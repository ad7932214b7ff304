//! Many concurrent texts, from a script or from the outbox of a prompt: in order, once, and without a round
//! trip for each.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::{
    Client, NetworkFaults, Screen, Server, Stopped, UdpRelay, items, text, texts, until,
};

/// The number of lines on standard input.
const LINES: usize = 1000;

/// The delay of a satellite link in each direction.
const FAR: Duration = Duration::from_millis(600);

fn numbers(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

/// The texts from bob in the inbox of alice.
fn inbox(alice: &Client) -> Vec<String> {
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
    let relay = UdpRelay::to(server.address);
    let bob = server.user_over(&relay, "bob");
    bob.ok("ls");
    relay.change_faults(NetworkFaults::delayed(FAR));
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
    // One after the other, the lines would take 20 minutes.
    assert!(taken < 10 * alone, "{taken:?} beside {alone:?}");
}

#[test]
fn texts_arrive_once_and_in_order_after_a_kill_of_the_server_and_a_cut_link() {
    let mut server = Server::start();
    let alice = server.user("alice");
    let relay = UdpRelay::to(server.address);
    let bob = server.user_over(&relay, "bob");
    let mut talk = bob.talk();
    let said = numbers(0..LINES);
    for (number, text) in said.iter().enumerate() {
        talk.tell(&format!("send alice {text}"));
        if number == 300 || number == 600 {
            server = server.kill9().start();
        }
        if number == 450 || number == 750 {
            relay.change_ports();
        }
        if number == 850 {
            relay.lose_answers();
        }
    }
    // Some texts are stored without an answer.
    let stopped = server.kill9();
    relay.mend();
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
fn a_refused_line_does_not_affect_the_others_and_keeps_its_place_in_the_output() {
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
fn with_bail_no_line_is_sent_after_a_failed_one() {
    let server = Server::start();
    let alice = server.user("alice");
    let input = b"send alice 1\nsend nobody 2\nsend alice 3\n";
    let ended = alice.run_with_input(&["--json", "--bail"], input);
    assert_eq!((ended.status, ended.json().len()), (Some(1), 2), "{}", ended.error);
    assert_eq!(texts(&alice.ok("inbox")), ["1"]);
}

#[test]
fn of_texts_under_way_at_the_end_of_their_session_only_the_acknowledged_ones_are_stored() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut talk = alice.talk();
    let said = numbers(0..LINES);
    said.iter().for_each(|number| talk.tell(&format!("send alice {number}")));
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    // Ends the session of the other client, which has saved it.
    alice.ok("auth_logout --all");
    let answers = (1..LINES).map(|_| talk.answer().expect("an answer"));
    let is_sent = std::iter::once(true).chain(answers.map(|answer| answer["ok"] == true));
    let told: Vec<_> = said
        .iter()
        .zip(is_sent)
        .filter(|(_, is_sent)| *is_sent)
        .map(|(number, _)| number)
        .collect();
    let found = inbox(&server.client_of("alice"));
    assert_eq!(found.iter().collect::<Vec<_>>(), told);
}

#[test]
fn texts_of_an_ended_session_are_refused() {
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

const ONLINE: &str = "alice@127.0.0.1>";

/// Bob, and alice at a prompt behind a relay, with texts for bob that were typed while the server was down.
struct WaitingTexts {
    stopped: Stopped,
    bob: Client,
    relay: UdpRelay,
    _alice: Client,
    screen: Screen,
}

impl WaitingTexts {
    fn with(said: &[String]) -> Self {
        let server = Server::start();
        let bob = server.user("bob");
        let relay = UdpRelay::to(server.address);
        let alice = server.user_over(&relay, "alice");
        alice.ok("ls");
        let mut screen = Screen::open(&alice, &[]);
        screen.prompts(ONLINE);
        let stopped = server.terminate();
        screen.shows("connection lost");
        screen.press(&said.iter().map(|text| format!("send bob {text}\r")).collect::<String>());
        screen.prompts(&format!("{} waiting)>", said.len()));
        Self { stopped, bob, relay, _alice: alice, screen }
    }
}

#[test]
fn texts_of_the_outbox_do_not_wait_for_each_other_on_a_long_link() {
    const WAITING: usize = 60;
    let said = numbers(0..WAITING);
    let WaitingTexts { stopped, bob, relay, _alice, mut screen } = WaitingTexts::with(&said);
    relay.change_faults(NetworkFaults::delayed(FAR / 2));
    let _server = stopped.start();
    screen.prompts(&format!(" ({WAITING} waiting)>"));
    let begun = Instant::now();
    screen.prompts(ONLINE);
    let taken = begun.elapsed();
    assert_eq!(inbox(&bob), said);
    let begun = Instant::now();
    screen.enter("send bob alone");
    screen.shows(&format!("sent @bob:{}", WAITING + 1));
    let alone = begun.elapsed();
    println!("over {:?} one way 1 line took {alone:?}, {WAITING} that waited {taken:?}", FAR / 2);
    // One after the other, the texts would take 60 times as long.
    assert!(taken < 15 * alone, "{taken:?} beside {alone:?}");
}

#[test]
fn texts_of_the_outbox_are_sent_once_and_in_order_through_a_kill_of_the_server() {
    // One after the other, these texts would take 2 minutes.
    let said = numbers(0..200);
    let WaitingTexts { stopped, bob, relay, _alice, screen } = WaitingTexts::with(&said);
    // The link is so slow that some texts are stored while others are being sent.
    relay.change_faults(NetworkFaults {
        bytes_per_second: Some(8000),
        ..NetworkFaults::delayed(FAR / 2)
    });
    let server = stopped.start();
    until("some are delivered", || !inbox(&bob).is_empty());
    println!("{} of {} are stored before the kill", inbox(&bob).len(), said.len());
    let _server = server.kill9().start();
    screen.prompts(ONLINE);
    assert_eq!(inbox(&bob), said);
}

#[test]
fn texts_of_the_outbox_are_sent_one_after_the_other_if_the_server_refuses_more_streams() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let alice = server.user_over(&relay, "alice");
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts(ONLINE);
    relay.cut();
    screen.shows("connection lost");
    screen.press("send bob a\rsend bob b\rsend bob c\r");
    screen.prompts("3 waiting)>");
    // The most connections of an account, each with a stream of texts.
    let elsewhere = server.client_of("alice");
    let mut talks: Vec<_> = (0..16).map(|_| elsewhere.talk()).collect();
    talks.iter_mut().for_each(|talk| drop(talk.ok("send alice meanwhile")));
    relay.mend();
    screen.prompts(ONLINE);
    assert_eq!(inbox(&bob), ["a", "b", "c"]);
}
