//! Those who come and go: what is left of them counts for as long as it is there.

use std::time::Duration;

use qchat_proto::command::LogoutEverywhere;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::{RawConnection, Server, configuration, endpoint, in_time};

const MIB: u64 = 1024 * 1024;

/// How many connections an address may have on which nobody is signed in.
const STRANGERS_PER_ADDRESS_MAX: usize = 256;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn handshakes_that_fail_count_until_they_are_forgotten() {
    let server = Server::start();
    let before = server.memory();
    let mut coming = JoinSet::new();
    for _ in 0..24 {
        let (configuration, address) = (configuration(&server, b"h3"), server.address);
        coming.spawn(async move {
            let from = endpoint("127.0.0.1");
            loop {
                assert!(RawConnection::of(&from, address, configuration.clone()).await.is_err());
            }
        });
    }
    let ended = timeout(Duration::from_secs(4), coming.join_next()).await;
    assert!(ended.is_err(), "{ended:?}");
    let grown = server.peak_memory().saturating_sub(before);
    println!("handshakes that fail: {} KiB", grown / 1024);
    // Where they count for nothing, 20 MiB in a second.
    assert!(grown <= 16 * MIB, "{grown} bytes");
    // Somebody else finds a place meanwhile.
    in_time(RawConnection::on(&endpoint("127.0.0.2"), &server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_signs_out_on_many_connections_leaves_room_for_strangers() {
    let server = Server::start();
    let from = endpoint("127.0.0.1");
    let token = RawConnection::on(&from, &server).await.unwrap().sign_up("alice").await;
    let mut there = Vec::new();
    for _ in 0..STRANGERS_PER_ADDRESS_MAX + 40 {
        let raw = RawConnection::on(&from, &server).await.unwrap();
        raw.resume(&token).await;
        there.push(raw);
    }
    there[0].ask(LogoutEverywhere).await.unwrap();
    // Sooner than all of them end.
    let mut closed = JoinSet::new();
    for raw in &there {
        let connection = raw.connection.clone();
        closed.spawn(async move { connection.closed().await });
    }
    for _ in 0..40 {
        timeout(Duration::from_secs(5), closed.join_next()).await.expect("they end at once");
    }
    let stay = there.iter().filter(|raw| raw.connection.close_reason().is_none()).count();
    assert!(stay > STRANGERS_PER_ADDRESS_MAX / 2, "{stay} stay for their ten seconds");
}
