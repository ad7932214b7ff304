//! Connections that come and go: their remains count against the limits while they exist.

use std::time::Duration;

use qchat_proto::command::LogoutEverywhere;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::{RawConnection, Server, configuration, endpoint, in_time};

const MIB: u64 = 1024 * 1024;

/// The most signed-out connections of an address.
const STRANGERS_PER_ADDRESS_MAX: usize = 256;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn failed_handshakes_count_until_they_are_forgotten() {
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
    // If they did not count, the server would grow by 20 MiB in a second.
    assert!(grown <= 16 * MIB, "{grown} bytes");
    // Another client is accepted meanwhile.
    in_time(RawConnection::on(&endpoint("127.0.0.2"), &server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sign_out_on_many_connections_leaves_slots_for_others() {
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
    // This is sooner than the end of all these connections.
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
