//! The time from the death of a machine to the next acknowledged message at another one.
//!
//! `QCHAT_MOVES` is the number of kills.

use std::time::{Duration, Instant};

use crate::harness::{Server, texts};

use super::Addresses;

#[test]
fn a_client_goes_on_at_the_next_machine_after_each_kill() {
    let kills = std::env::var("QCHAT_MOVES").map_or(4, |kills| kills.parse().unwrap());
    let server = Server::start();
    let addresses = Addresses::of(&server);
    let alice = addresses.given_to(server.user("alice"), &server);
    let mut places = [addresses.second.clone(), server.address.to_string()].into_iter().cycle();
    let mut talk = alice.talk();
    let (mut server, mut took) = (server, Vec::<Duration>::new());
    for number in 0..kills {
        talk.ok(&format!("send alice {number}"));
        let stopped = server.kill9();
        let killed = Instant::now();
        server = stopped.start_at(&places.next().unwrap());
        talk.ok(&format!("send alice {number} again"));
        took.push(killed.elapsed());
    }
    let expected: Vec<_> =
        (0..kills).flat_map(|number| [format!("{number}"), format!("{number} again")]).collect();
    assert_eq!(texts(&talk.ok("inbox --limit 100000")), expected);
    took.sort_unstable();
    let at = |part: usize| took[(took.len() * part / 100).min(took.len() - 1)];
    println!("{kills} kills: p50 {:?}, p99 {:?}, most {:?}", at(50), at(99), at(100));
}
