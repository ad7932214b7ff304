//! The limits on connections, in total and from one address.

use qchat_proto::command::Users;
use quinn::{ConnectionError, Endpoint, TransportErrorCode};

use crate::harness::{RawConnection, Server, endpoint, until};

async fn come(from: &Endpoint, server: &Server) -> RawConnection {
    RawConnection::on(from, server).await.expect("there is a place")
}

async fn check_refused(from: &Endpoint, server: &Server) {
    match RawConnection::on(from, server).await {
        Err(ConnectionError::ConnectionClosed(close)) => {
            assert_eq!(close.error_code, TransportErrorCode::CONNECTION_REFUSED);
        }
        other => panic!("not refused: {:?}", other.err()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_limited_for_each_address_and_in_total() {
    let server = Server::with(&["--max-connections", "4", "--max-connections-per-address", "3"]);
    let [one, two, three] = ["127.0.0.1", "127.0.0.2", "127.0.0.3"].map(endpoint);
    let mut here = Vec::new();
    for _ in 0..3 {
        here.push(come(&one, &server).await);
    }
    here[0].sign_up("alice").await;
    check_refused(&one, &server).await;
    let there = come(&two, &server).await;
    // The server counts a connection a moment after the client has it.
    there.ask(Users { after: None }).await.unwrap_err();
    check_refused(&three, &server).await;
    // A free slot is given to another client, and the existing connections stay.
    drop(there);
    let mut late = None;
    while late.is_none() {
        late = RawConnection::on(&three, &server).await.ok();
    }
    until("those who are there stay", || {
        here.iter().all(|raw| raw.connection.close_reason().is_none())
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_users_of_one_address_can_be_connected_at_once() {
    const PEOPLE: usize = 300;
    let server = Server::start();
    let from = endpoint("127.0.0.1");
    let first = come(&from, &server).await;
    let token = first.sign_up("alice").await;
    let mut there = Vec::new();
    for _ in 0..PEOPLE {
        let raw = come(&from, &server).await;
        raw.resume(&token).await;
        there.push(raw);
    }
    assert!(there.iter().all(|raw| raw.connection.close_reason().is_none()));
}
