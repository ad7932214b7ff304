//! Peers that send one byte from time to time.

use std::time::{Duration, Instant};

use qchat_proto::quic_codes;
use quinn::{ReadError, RecvStream, SendStream, VarInt};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use super::bystander::Bystander;
use super::every_stream;
use crate::harness::{DEADLINE, RawConnection, Server, endpoint, in_time};

const CONNECTIONS: usize = 200;
const STREAMS: usize = 16;

/// The most bytes of a stream before the server ends it, at one byte a second. The test counts bytes and not
/// the time, because on a busy machine both sides are late.
const BYTES_MAX: u32 = 10;

/// Sends a byte a second on each stream until the server ends it. Returns the most bytes that one stream has
/// sent.
async fn drip(streams: Vec<(SendStream, RecvStream)>) -> u32 {
    let mut dripping = JoinSet::new();
    for (mut send, mut receive) in streams {
        dripping.spawn(async move {
            let mut seconds = interval(Duration::from_secs(1));
            seconds.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let sending = async {
                for sent in 0_u32.. {
                    seconds.tick().await;
                    // The first bytes are the length of a frame.
                    let byte = if sent == 2 { 3 } else { 0 };
                    if send.write_all(&[byte]).await.is_err() {
                        return sent;
                    }
                }
                u32::MAX
            };
            let mut answer = [0];
            let ended = receive.read(&mut answer);
            let (sent, ended) = tokio::join!(sending, ended);
            match ended {
                Err(ReadError::Reset(code)) => {
                    assert_eq!(code, VarInt::from_u32(quic_codes::TOO_SLOW));
                }
                Err(ReadError::ConnectionLost(_)) => {}
                other => panic!("a request of some bytes is answered: {other:?}"),
            }
            sent
        });
    }
    dripping.join_all().await.into_iter().max().unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_with_one_byte_a_second_is_given_up() {
    let server = Server::start();
    let from = endpoint("127.0.0.1");
    let first = RawConnection::on(&from, &server).await.unwrap();
    let token = first.sign_up("mallory").await;
    let bystander = Bystander::start(&server);
    let begun = Instant::now();
    let mut connections = JoinSet::new();
    for number in 0..CONNECTIONS {
        let raw = RawConnection::on(&from, &server).await.unwrap();
        // Three of four connections are signed in; the others may have two streams.
        let streams = if number % 4 == 0 {
            every_stream(&raw).await
        } else {
            raw.resume(&token).await;
            let mut streams = Vec::new();
            for _ in 0..STREAMS {
                streams.push(raw.stream().await);
            }
            streams
        };
        connections.spawn(async move {
            let sent = drip(streams).await;
            drop(raw);
            sent
        });
    }
    let ended = tokio::time::timeout(DEADLINE, connections.join_all()).await;
    let sent = ended.expect("all streams are ended").into_iter().max().unwrap();
    println!(
        "{CONNECTIONS} connections ended after {:?}, {sent} bytes at the most",
        begun.elapsed()
    );
    bystander.check(None);
    assert!(sent <= BYTES_MAX, "a stream has sent {sent} bytes, one a second");
    assert!(first.connection.close_reason().is_none());
}

#[tokio::test]
async fn a_file_stream_without_its_header_is_given_up() {
    let server = Server::start();
    let raw = RawConnection::connect(&server).await;
    raw.sign_up("mallory").await;
    let mut send = in_time(raw.connection.open_uni()).await.unwrap();
    send.write_all(&[0]).await.unwrap();
    let code = in_time(send.stopped()).await.unwrap();
    assert_eq!(code, Some(VarInt::from_u32(quic_codes::TOO_SLOW)));
}
