//! The time from the death of a machine to the next acknowledged message at another one.
//!
//! `QCHAT_MOVES` is the number of deaths.

use std::time::{Duration, Instant};

use crate::harness::{Client, Server, UdpRelay, texts};

use super::Addresses;

fn deaths(usual: usize) -> usize {
    std::env::var("QCHAT_MOVES").map_or(usual, |deaths| deaths.parse().unwrap())
}

fn print(what: &str, mut took: Vec<Duration>) {
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part).div_ceil(100).max(1) - 1];
    let count = took.len();
    println!("{count} times {what}: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
}

#[track_caller]
fn check_inbox(alice: &Client, deaths: usize) {
    let expected: Vec<_> =
        (0..deaths).flat_map(|number| [format!("{number}"), format!("{number} again")]).collect();
    assert_eq!(texts(&alice.ok("inbox --limit 100000")), expected);
}

#[test]
fn a_client_goes_on_at_the_next_machine_after_each_kill() {
    let deaths = deaths(4);
    let mut server = Server::start();
    let addresses = Addresses::of(&server);
    let alice = addresses.given_to(server.user("alice"), &server);
    let mut places = [addresses.second.clone(), server.address.to_string()].into_iter().cycle();
    let mut talk = alice.talk();
    let mut took = Vec::new();
    for number in 0..deaths {
        talk.ok(&format!("send alice {number}"));
        let stopped = server.kill9();
        let killed = Instant::now();
        server = stopped.start_at(&places.next().unwrap());
        talk.ok(&format!("send alice {number} again"));
        took.push(killed.elapsed());
    }
    check_inbox(&alice, deaths);
    print("killed", took);
}

#[test]
fn a_client_goes_on_at_the_next_machine_after_each_silence() {
    let deaths = deaths(2);
    let server = Server::start();
    let paths = [UdpRelay::to(server.address), UdpRelay::to(server.address)];
    let list = format!("{},{}", paths[0].address, paths[1].address);
    let alice = server.user("alice");
    let alice = alice.pointed_at(&["--server", &list, "--fingerprint", &server.fingerprint]);
    let mut talk = alice.talk();
    let mut took = Vec::new();
    for number in 0..deaths {
        talk.ok(&format!("send alice {number}"));
        let path = talk.ok("whoami")["server"].as_str().unwrap().to_owned();
        let path = paths.iter().find(|one| one.address.to_string() == path).unwrap();
        path.cut();
        let cut = Instant::now();
        talk.ok(&format!("send alice {number} again"));
        took.push(cut.elapsed());
        path.mend();
    }
    check_inbox(&alice, deaths);
    print("silent", took);
}
