//! Links so slow that a queue of 32 KB takes many seconds. A client that gives up an attempt which makes
//! progress, and begins another, keeps all clients out.

use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use crate::harness::sdk::{resume, session};
use crate::harness::{
    Bot, Client, Ended, NetworkCounters, NetworkFaults, Running, Server, UdpRelay,
};

/// The users behind one link, whose sessions are saved.
struct SharedLink {
    server: Server,
    link: UdpRelay,
    people: Vec<Client>,
}

impl SharedLink {
    fn of(people: usize, link: NetworkFaults) -> Self {
        let server = Server::start();
        let relay = UdpRelay::to(server.address);
        let people: Vec<_> =
            (0..people).map(|number| server.user_over(&relay, &format!("user{number}"))).collect();
        for one in &people {
            one.ok("ls");
        }
        relay.change_faults(link);
        Self { server, link: relay, people }
    }

    /// Gives each user a second address of the server, behind the same link.
    fn with_two_addresses(self) -> Self {
        let port = self.link.address.port();
        let list = format!("127.0.0.1:{port},localhost:{port}");
        let fingerprint = &self.server.fingerprint;
        let at = |one: Client| one.pointed_at(&["--server", &list, "--fingerprint", fingerprint]);
        let people = self.people.into_iter().map(at).collect();
        Self { people, ..self }
    }

    /// Lets all users query at the same time.
    fn all_ask(&self) -> Vec<Ended> {
        let begun = Instant::now();
        let ask = |one: &Client| Running::start(one.command().args(["--timeout", "60", "ls"]));
        let running: Vec<_> = self.people.iter().map(ask).collect();
        let ended = running.into_iter().map(Running::finish).collect();
        println!("after {:?}: {:?}", begun.elapsed(), self.link.counters());
        ended
    }

    #[track_caller]
    fn check_all_connect(&self) {
        let ended = self.all_ask();
        let failed: Vec<_> = ended.iter().filter(|ended| ended.status != Some(0)).collect();
        assert!(failed.is_empty(), "{} of {}: {failed:?}", failed.len(), ended.len());
    }
}

#[test]
fn two_clients_connect_at_the_same_time_over_20_kbits_a_second() {
    SharedLink::of(2, NetworkFaults::slow(20_000)).check_all_connect();
}

#[test]
fn ten_clients_connect_at_the_same_time_over_50_kbits_a_second() {
    SharedLink::of(10, NetworkFaults::slow(50_000)).check_all_connect();
}

#[test]
fn ten_clients_that_try_two_addresses_each_connect_over_50_kbits_a_second() {
    SharedLink::of(10, NetworkFaults::slow(50_000)).with_two_addresses().check_all_connect();
}

#[test]
fn a_query_with_a_saved_session_costs_less_than_9_kilobytes() {
    let shared_link = SharedLink::of(1, NetworkFaults::NONE);
    assert_eq!(shared_link.all_ask().remove(0).status, Some(0));
    let NetworkCounters { bytes_up, bytes_down, .. } = shared_link.link.counters();
    assert!(bytes_up + bytes_down < 9_000, "{bytes_up} bytes up, and {bytes_down} down");
}

#[test]
fn over_20_kbits_a_second_all_messages_arrive_in_order() {
    const MESSAGES: usize = 20;
    let shared_link = SharedLink::of(2, NetworkFaults::slow(20_000));
    let [listener, sender] = &shared_link.people[..] else { unreachable!() };
    let begun = Instant::now();
    let mut listening = Bot::listen(listener, &[]);
    let mut talk = sender.talk();
    let texts: Vec<_> = (0..MESSAGES).map(|number| format!("message {number}")).collect();
    for text in &texts {
        talk.tell(&format!("send user0 {text}"));
    }
    for _ in &texts {
        assert_eq!(talk.answer().expect("an answer")["ok"], true);
    }
    assert_eq!(listening.texts(MESSAGES), texts);
    println!("after {:?}: {:?}", begun.elapsed(), shared_link.link.counters());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_survives_five_others_that_connect_at_once_over_50_kbits_a_second() {
    // The packets of ten clients can wait in the queue for 5 s, which looks like silence.
    let shared_link = SharedLink::of(5, NetworkFaults::slow(50_000));
    let session = session(&shared_link.server, "bob", shared_link.link.address).await;
    let bob = resume(&session).await;
    spawn_blocking(move || shared_link.check_all_connect()).await.unwrap();
    assert!(!bob.is_closed(), "the queue was taken for silence");
}

#[tokio::test]
async fn a_link_with_a_long_delay_delays_both_directions() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let session = session(&server, "alice", relay.address).await;
    let one_way = Duration::from_millis(600);
    relay.change_faults(NetworkFaults::delayed(one_way));
    let begun = Instant::now();
    let alice = resume(&session).await;
    alice.users().await.unwrap();
    // The handshake, the session and the query take a round trip each.
    assert!(begun.elapsed() >= 6 * one_way);
}
