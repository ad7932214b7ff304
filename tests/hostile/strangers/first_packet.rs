//! A first packet with a forged source address: its owner receives at most three times the bytes.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use qchat_proto::ALPN;
use quinn::Endpoint;
use rustls::crypto::aws_lc_rs;

use crate::harness::{RawConnection, Server, configuration_with, endpoint};

/// The duration of the count. The server gives a handshake up after 20 s, and reaches the amplification limit
/// long before.
const COUNTED_FOR: Duration = Duration::from_secs(7);

/// Enough signed-out connections from one address to put the server under pressure. Half as many would be
/// enough.
const PRESSING: usize = 128;

/// The key exchange of a client.
#[derive(Clone, Copy)]
enum KeyExchange {
    /// The key exchange of the qchat client, whose ClientHello needs two packets.
    PostQuantum,
    /// A ClientHello in one packet, which causes the largest answer for its size.
    Classic,
}

/// The first packets of a client that does not continue.
fn first_packets(server: &Server, exchange: KeyExchange) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let client: Endpoint = endpoint("127.0.0.1");
    let address = socket.local_addr().unwrap();
    let mut provider = aws_lc_rs::default_provider();
    if matches!(exchange, KeyExchange::Classic) {
        provider.kx_groups = vec![aws_lc_rs::kx_group::X25519];
    }
    let configuration = configuration_with(server, ALPN, provider);
    let _connecting = client.connect_with(configuration, address, "localhost").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut buffer = [0; 2048];
    let mut packets = Vec::new();
    while let Ok(length) = socket.recv(&mut buffer) {
        packets.push(buffer[..length].to_vec());
        if packets.len() == 2 {
            break;
        }
    }
    packets
}

/// Sends packets and nothing more. Returns the number of sent bytes, and the number of received bytes.
fn say_and_be_silent(server: SocketAddr, packets: &[Vec<u8>]) -> (usize, usize) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for packet in packets {
        socket.send_to(packet, server).unwrap();
    }
    let sent = packets.iter().map(Vec::len).sum();
    let (mut came, mut buffer, begun) = (0, [0; 65536], Instant::now());
    while let Some(left) = COUNTED_FOR.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        socket.set_read_timeout(Some(left)).unwrap();
        came += socket.recv(&mut buffer).unwrap_or(0);
    }
    (sent, came)
}

#[track_caller]
fn check(what: &str, (sent, came): (usize, usize)) {
    println!("{what}: {sent} bytes, and {came} came back");
    assert!(came > 0, "{what} is not answered");
    assert!(came <= 3 * sent, "{what}: {sent} bytes, and {came} came back");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_owner_of_a_forged_source_address_gets_at_most_three_times_the_bytes() {
    let server = Server::start();
    let begin = || tokio::task::block_in_place(|| first_packets(&server, KeyExchange::PostQuantum));
    let [one, two, ten, mut unknown] = [begin(), begin(), begin(), begin()];
    let single = tokio::task::block_in_place(|| first_packets(&server, KeyExchange::Classic));
    assert_eq!(two.len(), 2, "a client begins with two packets");
    let mut unknown = unknown.remove(0);
    unknown[1..5].copy_from_slice(&0x1a2a_3a4a_u32.to_be_bytes());
    std::thread::scope(|scope| {
        // Each time the packets of another client, because the server identifies a connection by its first
        // packet.
        let say = |what, packets: Vec<Vec<u8>>| {
            let server = server.address;
            scope.spawn(move || check(what, say_and_be_silent(server, &packets)));
        };
        say("one packet", one[..1].to_vec());
        say("two packets", two);
        say("a packet that says all", single);
        say("the first packet, ten times", vec![ten[0].clone(); 10]);
        say("a version that nobody speaks", vec![unknown]);
    });
    // Under pressure the server answers with a Retry, which is a smaller packet. A few more connections than
    // necessary are opened, because the server counts each a moment after the handshake.
    let packets = begin();
    let from = endpoint("127.0.0.1");
    let mut strangers = Vec::new();
    for _ in 0..PRESSING {
        strangers.push(RawConnection::on(&from, &server).await.unwrap());
    }
    let (sent, came) = tokio::task::block_in_place(|| say_and_be_silent(server.address, &packets));
    println!("under pressure: {sent} bytes, and {came} came back");
    assert!(came > 0 && came < sent / 3, "{sent} bytes, and {came} came back");
}
