//! The cost of signed-out and hostile clients: memory, time, and bytes to other addresses.

mod bystander;
mod claimed;
mod first_packet;
mod forger;
mod hoards;
mod leavers;
mod moves;
mod multi_address_socket;
mod places;
mod slow;
mod volume;

use qchat_proto::command::{Logout, Users};
use qchat_proto::limits::SIGNED_OUT_REQUEST_BYTES_MAX;
use qchat_proto::{ClientId, Refusal, frame, quic_codes};
use quinn::{ConnectionError, RecvStream, SendStream, VarInt};

use crate::harness::{RawConnection, Server, endpoint, in_time, sdk};

/// Opens every stream that the server allows now.
async fn every_stream(raw: &RawConnection) -> Vec<(SendStream, RecvStream)> {
    let mut streams = Vec::new();
    while let Some(stream) = raw.stream_at_once().await {
        streams.push(stream);
    }
    streams
}

/// Waits until the server closes the connection, and returns the code.
async fn close_code(raw: &RawConnection) -> VarInt {
    match in_time(raw.connection.closed()).await {
        ConnectionError::ApplicationClosed(close) => close.error_code,
        other => panic!("not closed, but {other}"),
    }
}

#[tokio::test]
async fn a_connection_has_low_limits_before_the_sign_in_and_after_the_sign_out() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    assert_eq!(every_stream(&raw).await.len(), 2);
    let uni =
        tokio::time::timeout(std::time::Duration::from_millis(100), raw.connection.open_uni());
    assert!(uni.await.is_err(), "a stranger may send a file");
    drop(raw);
    let raw = RawConnection::connect(&server).await;
    // A request for signed-in users, and an invalid request.
    let text = sdk::text(&"x".repeat(SIGNED_OUT_REQUEST_BYTES_MAX));
    let send = || {
        let id = ClientId::random();
        qchat_proto::command::SendText { id, to: sdk::user("mallory"), text: text.clone() }
    };
    assert_eq!(raw.ask(send()).await, Err(Refusal::NotLoggedIn));
    raw.sign_up("mallory").await;
    assert!(raw.ask(send()).await.is_ok());
    let mut streams = vec![raw.stream().await];
    // Streams without data count as violations, if there are too many.
    while streams.len() < 20 {
        streams.push(raw.stream().await);
    }
    in_time(raw.connection.open_uni()).await.unwrap();
    raw.ask(Logout).await.unwrap();
    assert_eq!(raw.ask(send()).await, Err(Refusal::NotLoggedIn));
    assert_eq!(close_code(&raw).await, VarInt::from_u32(quic_codes::NOBODY_SIGNED_IN));
}

#[tokio::test]
async fn a_connection_on_which_nobody_signs_in_is_closed() {
    let server = Server::start();
    let from = endpoint("127.0.0.1");
    let connect = async || RawConnection::on(&from, &server).await.unwrap();
    let (idle, asking, signed_in) = (connect().await, connect().await, connect().await);
    signed_in.sign_up("alice").await;
    let asks_on = async {
        // Refusals do not keep the connection open.
        while asking.connection.close_reason().is_none() {
            let (mut send, mut receive) = match asking.connection.open_bi().await {
                Ok(streams) => streams,
                Err(_) => break,
            };
            let request: qchat_proto::Request = Users { after: None }.into();
            let _ = send.write_all(&frame::encode_frame(&request)).await;
            let _ = send.finish();
            let _ = receive.read_to_end(1024).await;
        }
    };
    in_time(asks_on).await;
    for raw in [&idle, &asking] {
        assert_eq!(close_code(raw).await, VarInt::from_u32(quic_codes::NOBODY_SIGNED_IN));
    }
    assert!(signed_in.ask(Users { after: None }).await.is_ok());
}

#[tokio::test]
async fn a_connection_that_sends_only_garbage_is_closed() {
    let server = Server::start();
    let stranger = RawConnection::connect(&server).await;
    let user = RawConnection::connect(&server).await;
    user.sign_up("mallory").await;
    for raw in [&stranger, &user] {
        let sent = volume::garbage_until_closed(raw, 1000).await;
        // The last frames may be sent before the close arrives.
        assert!((32..40).contains(&sent), "{sent}");
        assert_eq!(close_code(raw).await, VarInt::from_u32(quic_codes::MISBEHAVED));
    }
}
