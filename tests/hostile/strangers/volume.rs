//! Large amounts of hostile traffic: their cost in the memory of the server, and in the time of other users.
//!
//! `QCHAT_GARBAGE` is the number of garbage frames.

use qchat_proto::command::Users;
use qchat_proto::limits::{REQUEST_BYTES_MAX, SIGNED_OUT_REQUEST_BYTES_MAX};
use qchat_proto::{ALPN, Request, frame, quic_codes};
use quinn::{Connection, VarInt};
use tokio::task::{JoinSet, yield_now};

use super::bystander::Bystander;
use super::every_stream;
use crate::harness::{RawConnection, Server, configuration, endpoint, in_time};

const MIB: u64 = 1024 * 1024;

/// The number of concurrent hostile connections.
const STRANGERS: u64 = 200;

/// The number of garbage frames.
const GARBAGE: usize = 10_000;

/// The bytes that a signed-out connection can occupy, from `SECURITY.md`.
fn bytes_of_a_stranger() -> u64 {
    let lines = include_str!("../../../SECURITY.md").lines();
    let row = lines
        .into_iter()
        .find(|line| line.starts_with("| a connection on which nobody is signed in |"));
    let cells: Vec<_> = row.expect("a row for strangers").split('|').map(str::trim).collect();
    cells[3].strip_suffix(" KiB").expect("so many KiB").parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signed_out_connections_occupy_little_memory_of_the_server() {
    let server = Server::start();
    server.user("alice").ok("ls");
    let before = server.memory();
    let from = endpoint("127.0.0.1");
    let mut held = Vec::new();
    for _ in 0..STRANGERS {
        let raw = RawConnection::on(&from, &server).await.unwrap();
        let mut streams = every_stream(&raw).await;
        assert_eq!(streams.len(), 2);
        for (send, _) in &mut streams {
            // The longest request, without its last byte.
            let length = u32::try_from(SIGNED_OUT_REQUEST_BYTES_MAX).unwrap();
            let but_one = vec![0; SIGNED_OUT_REQUEST_BYTES_MAX - 1];
            send.write_all(&[&length.to_be_bytes()[..], &but_one].concat()).await.unwrap();
        }
        held.push((raw, streams));
    }
    for (raw, _) in &held {
        in_time(all_has_arrived(&raw.connection)).await;
    }
    let ended = held.iter().filter(|(raw, _)| raw.connection.close_reason().is_some()).count();
    let grown = server.peak_memory() - before;
    println!("{STRANGERS} strangers, of whom {ended} have ended: {} KiB", grown / 1024);
    assert!(grown <= 32 * MIB, "{grown} bytes");
    assert!(grown <= STRANGERS * bytes_of_a_stranger(), "{grown} bytes are more than the sum");
}

/// Waits until the server has acknowledged the last packet with data.
async fn all_has_arrived(connection: &Connection) {
    let has_acknowledged = |connection: &Connection| connection.stats().frame_rx.acks;
    let before = has_acknowledged(connection);
    while connection.close_reason().is_none() && has_acknowledged(connection) == before.min(1) {
        yield_now().await;
    }
}

/// The garbage with this number.
fn garbage(number: usize) -> Vec<u8> {
    let valid = frame::encode_frame(&Request::from(Users { after: None }));
    let long = u32::try_from(REQUEST_BYTES_MAX + 1 + number).unwrap().to_be_bytes();
    match number % 6 {
        0 => valid[..valid.len() - 1].to_vec(),
        1 => [&valid[..], b"x"].concat(),
        2 => [&long[..], &vec![0; number % 1000]].concat(),
        3 => vec![0xff; 100 + number % 5000],
        4 => vec![0; number % 4],
        _ => [&[0, 0, 0, 9][..], &crate::files::sending::noise(9)].concat(),
    }
}

/// Sends garbage until the server closes the connection, or `most` times. Returns the number of frames.
pub(super) async fn garbage_until_closed(raw: &RawConnection, most: usize) -> usize {
    for number in 0..most {
        let Ok((mut send, mut receive)) = in_time(raw.connection.open_bi()).await else {
            return number;
        };
        // The server may stop reading before all bytes are written.
        let _ = in_time(send.write_all(&garbage(number))).await;
        let _ = send.finish();
        let answer = in_time(receive.read_to_end(100)).await;
        match answer {
            Err(quinn::ReadToEndError::Read(quinn::ReadError::Reset(code))) => {
                assert_eq!(code, VarInt::from_u32(quic_codes::BAD_REQUEST));
            }
            Err(quinn::ReadToEndError::Read(quinn::ReadError::ConnectionLost(_))) => {
                return number + 1;
            }
            other => panic!("garbage {number} is answered: {other:?}"),
        }
    }
    most
}

/// Sends this many garbage frames to a server, on eight connections at the same time. Returns the frames that
/// it accepted before it closed their connections, and the number of connections.
async fn garbage_on_connections(server: &Server, frames: usize) -> (usize, usize) {
    let mut senders = JoinSet::new();
    for _ in 0..8 {
        let (address, configuration) = (server.address, configuration(server, ALPN));
        senders.spawn(async move {
            let from = endpoint("127.0.0.1");
            let (mut sent, mut connections) = (0, 0);
            while sent < frames / 8 {
                let raw = RawConnection::of(&from, address, configuration.clone()).await.unwrap();
                sent += garbage_until_closed(&raw, 1000).await;
                connections += 1;
            }
            (sent, connections)
        });
    }
    let (sent, connections): (Vec<_>, Vec<_>) = senders.join_all().await.into_iter().unzip();
    (sent.iter().sum(), connections.iter().sum())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_garbage_frames_affect_nobody() {
    let frames = std::env::var("QCHAT_GARBAGE").map_or(GARBAGE, |frames| frames.parse().unwrap());
    let (server, other) = (Server::start(), Server::start());
    let bystander = Bystander::start(&server);
    garbage_on_connections(&other, frames).await;
    let elsewhere = bystander.lap();
    let before = server.memory();
    let (sent, connections) = garbage_on_connections(&server, frames).await;
    let grown = server.peak_memory().saturating_sub(before);
    println!("{sent} frames on {connections} connections: {} KiB", grown / 1024);
    bystander.check(Some(elsewhere));
    assert!(grown <= 16 * MIB, "{grown} bytes");
    // The server stops in order, and has not panicked.
    server.terminate();
}

/// Sends a part of the longest request, one byte in each packet. Returns the number of packets.
async fn in_packets_of_one_byte(raw: &RawConnection, bytes: usize) -> u64 {
    let (mut send, _receive) = raw.stream().await;
    let length = u32::try_from(REQUEST_BYTES_MAX).unwrap();
    send.write_all(&length.to_be_bytes()).await.unwrap();
    let packets = || raw.connection.stats().udp_tx.datagrams;
    let begun = packets();
    for _ in 0..bytes {
        let before = packets();
        send.write_all(b"x").await.unwrap();
        // Without this wait, one packet would contain several bytes.
        while packets() == before {
            yield_now().await;
        }
    }
    packets() - begun
}

/// Sends the longest request to a server, one byte in each packet, in parts on eight connections. Returns the
/// number of packets.
async fn request_in_packets_of_one_byte(server: &Server) -> u64 {
    const SENDERS: usize = 8;
    let token = RawConnection::connect(server).await.sign_up("mallory").await;
    let mut senders = JoinSet::new();
    for _ in 0..SENDERS {
        let raw = RawConnection::connect(server).await;
        raw.resume(&token).await;
        senders.spawn(async move {
            let sending = in_packets_of_one_byte(&raw, REQUEST_BYTES_MAX / SENDERS);
            let packets = in_time(sending).await;
            assert!(raw.connection.close_reason().is_none());
            packets
        });
    }
    senders.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_in_packets_of_one_byte_cost_no_more_memory_than_their_length() {
    let (server, other) = (Server::start(), Server::start());
    let bystander = Bystander::start(&server);
    request_in_packets_of_one_byte(&other).await;
    let elsewhere = bystander.lap();
    let before = server.memory();
    let packets = request_in_packets_of_one_byte(&server).await;
    let grown = server.peak_memory().saturating_sub(before);
    println!("{REQUEST_BYTES_MAX} bytes in {packets} packets: {} KiB", grown / 1024);
    bystander.check(Some(elsewhere));
    // A reader that keeps the received packets would need 7 MiB.
    assert!(grown <= 4 * MIB, "{grown} bytes");
    server.terminate();
}
