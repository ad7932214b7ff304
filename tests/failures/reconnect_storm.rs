//! Two hundred watching clients reconnect after a kill of the server, and the time that this takes.
//!
//! `QCHAT_SEED` repeats the random choices of a run.

use std::time::{Duration, Instant};

use qchat_client::{Follower, Reconnect};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::harness::sdk::{device, follow, group, said, session, text};
use crate::harness::{SeededRandom, Server, in_time};

const PEOPLE: usize = 20;
const DEVICES: usize = 10;
const ROUNDS: u64 = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_clients_reconnect_to_a_killed_and_restarted_server() {
    let mut random = SeededRandom::of_the_run();
    let mut server = Server::start();
    device(&server, "host").await.make_group("lab".parse().unwrap()).await.unwrap();
    let mut devices = Vec::new();
    for number in 0..PEOPLE {
        let name = format!("person{number}");
        device(&server, &name).await.join("lab".parse().unwrap()).await.unwrap();
        let session = session(&server, &name, server.address).await;
        devices.extend((0..DEVICES).map(|_| session.clone()));
    }
    let mut followers = all_follow(devices).await;
    for round in 0..=ROUNDS {
        let begun = Instant::now();
        let host = device(&server, "host").await;
        host.send(group("lab"), text(&round.to_string())).await.unwrap();
        let heard;
        (followers, heard) = all_hear(followers, round, begun).await;
        tell(if round == 0 { "first heard" } else { "back" }, heard);
        // The heartbeats of all clients are synchronous now. The server is killed at a random time between
        // two heartbeats.
        sleep(Duration::from_millis(random.below(3_000))).await;
        if round < ROUNDS {
            server = server.kill9().start();
        }
    }
}

async fn all_follow(devices: Vec<Reconnect>) -> Vec<Follower> {
    let mut following = JoinSet::new();
    for device in devices {
        following.spawn(async move { follow(&device, Vec::new()).await });
    }
    following.join_all().await
}

/// Waits until each client is signed in, watches, and has received the message of this round. Returns the
/// time since the beginning.
async fn all_hear(
    followers: Vec<Follower>,
    round: u64,
    begun: Instant,
) -> (Vec<Follower>, Vec<Duration>) {
    let mut hearing = JoinSet::new();
    for follower in followers {
        hearing.spawn(async move {
            let message = in_time(follower.next()).await.unwrap();
            assert_eq!(said(&message.body), round.to_string());
            assert!(follower.acknowledge(&message.id));
            (follower, begun.elapsed())
        });
    }
    hearing.join_all().await.into_iter().unzip()
}

fn tell(what: &str, mut heard: Vec<Duration>) {
    heard.sort();
    let at = |percent: usize| heard[heard.len() * percent / 100];
    println!("{} clients {what}: p50 {:?}, p99 {:?}", heard.len(), at(50), at(99));
}
