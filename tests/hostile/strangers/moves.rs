//! Connections that migrate to addresses of others. The owner of such an address receives at most three times
//! the bytes that were sent with its source address.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qchat_proto::command::{History, Log, Selection, SendText};
use qchat_proto::{ALPN, ClientId, Request, frame};
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, TransportConfig};
use tokio::time::sleep;

use super::forger::with_forged_frames;
use super::multi_address_socket::{AddressChoice, HOME, MultiAddressSocket};
use crate::harness::{RawConnection, Server, configuration, in_time, sdk, tls};

/// The number of addresses to which a connection migrates.
const ADDRESSES: usize = 1_000;

/// The duration of the count of late datagrams from the server.
const COUNTED_FOR: Duration = Duration::from_secs(2);

/// The pause after each datagram, for its answer.
const PACE: Duration = Duration::from_millis(1);

/// The longest answer, in messages of the longest text that fits into a signed-out request.
const MESSAGES: u32 = 12;

/// A transport that sends a lot without any acknowledgement.
fn unacknowledged_transport() -> TransportConfig {
    let mut congestion = CubicConfig::default();
    congestion.initial_window(1 << 30);
    let mut transport = TransportConfig::default();
    transport
        .congestion_controller_factory(Arc::new(congestion))
        .enable_segmentation_offload(false)
        .mtu_discovery_config(None);
    transport
}

fn unacknowledged_client(server: &Server) -> ClientConfig {
    let mut configuration = configuration(server, ALPN);
    configuration.transport_config(Arc::new(unacknowledged_transport()));
    configuration
}

/// The configuration of a client that forges answers while the flag is set.
fn forging(server: &Server, is_forging: &Arc<AtomicBool>) -> ClientConfig {
    let inner = Arc::new(QuicClientConfig::try_from(tls(server)).unwrap());
    let forger = with_forged_frames(inner, Arc::clone(is_forging));
    let mut configuration = ClientConfig::new(Arc::new(forger));
    configuration.transport_config(Arc::new(unacknowledged_transport()));
    configuration
}

struct Attacker {
    multi_address_socket: Arc<MultiAddressSocket>,
    raw: RawConnection,
    _endpoint: Endpoint,
}

impl Attacker {
    async fn connect(server: &Server) -> Self {
        Self::with(server, unacknowledged_client(server)).await
    }

    async fn with(server: &Server, configuration: ClientConfig) -> Self {
        let (multi_address_socket, endpoint) = MultiAddressSocket::endpoint();
        let raw = RawConnection::of(&endpoint, server.address, configuration).await.unwrap();
        Self { multi_address_socket, raw, _endpoint: endpoint }
    }

    /// Sends this many small packets.
    async fn say(&self, packets: usize, address_choice: AddressChoice) {
        let (mut send, _receive) = self.raw.stream().await;
        // The length of a request that is never complete.
        send.write_all(&4_000_u32.to_be_bytes()).await.unwrap();
        self.multi_address_socket.migrate(address_choice);
        while self.multi_address_socket.datagrams() < packets {
            let before = self.multi_address_socket.datagrams();
            if send.write_all(b"x").await.is_err() {
                // On a slow machine the server may give the request up first.
                break;
            }
            in_time(async {
                while self.multi_address_socket.datagrams() == before {
                    sleep(PACE).await;
                }
            })
            .await;
        }
        self.multi_address_socket.return_home();
        // The server no longer reads the stream, and the connection continues.
        let _ = send.reset(0_u8.into());
    }

    /// Sends this many queries with long answers, from addresses other than home.
    async fn ask(&self, questions: usize, address_choice: AddressChoice) {
        self.multi_address_socket.migrate(address_choice);
        let mut streams = Vec::new();
        for _ in 0..questions {
            let before = self.multi_address_socket.datagrams();
            let history = History {
                log: Log::Inbox,
                selection: Selection::Newest(MESSAGES),
                from: None,
                before: None,
                page: None,
            };
            let (mut send, receive) = self.raw.stream().await;
            send.write_all(&frame::encode_frame(&Request::from(history))).await.unwrap();
            streams.push((send, receive));
            in_time(async {
                while self.multi_address_socket.datagrams() == before {
                    sleep(PACE).await;
                }
            })
            .await;
        }
        sleep(COUNTED_FOR).await;
        self.multi_address_socket.return_home();
    }

    /// Counts the received bytes, in sum and at the address with the most. Returns whether they are within
    /// the limit.
    async fn gets_little(self, what: &str) -> bool {
        sleep(COUNTED_FOR).await;
        let bytes = self.multi_address_socket.bytes_at_other_addresses();
        let sent: usize = bytes.iter().map(|at| at.sent).sum();
        let came: usize = bytes.iter().map(|at| at.came).sum();
        let visited = bytes.iter().filter(|at| at.sent > 0).count();
        let ratio = |sent: usize, came: usize| {
            let [sent, came] = [sent, came].map(|bytes| u32::try_from(bytes).unwrap());
            f64::from(came) / f64::from(sent.max(1))
        };
        let worst = bytes.iter().map(|at| ratio(at.sent, at.came)).fold(0.0, f64::max);
        let sum = ratio(sent, came);
        println!(
            "{what}: {visited} addresses, {sent} bytes, {came} came back: {sum:.2} times, {worst:.2} at the worst"
        );
        sent > 0 && sum <= 3.0 && worst <= 3.0
    }
}

/// A new address for every datagram.
fn onwards() -> AddressChoice {
    Box::new(|number| HOME + 1 + number)
}

/// This many addresses in turn, repeatedly.
fn in_turn(addresses: usize) -> AddressChoice {
    Box::new(move |number| HOME + 1 + number % addresses)
}

/// Home and one other address in turn, for several packets each.
fn there_and_back() -> AddressChoice {
    Box::new(|number| if number / 5 % 2 == 0 { HOME + 1 } else { HOME })
}

/// Counts the bytes that each of these migrations causes. `names` are the accounts that sign in, if any.
async fn migrations(server: &Server, who: &str, names: [Option<&str>; 4]) -> bool {
    let kinds: [(&str, usize, AddressChoice); 4] = [
        ("ever new addresses", ADDRESSES, onwards()),
        ("ten addresses in turn", 300, in_turn(10)),
        ("two addresses, interleaved", 200, in_turn(2)),
        ("home and one other", 200, there_and_back()),
    ];
    let mut is_little = true;
    for ((kind, packets, address_choice), name) in kinds.into_iter().zip(names) {
        let attacker = Attacker::connect(server).await;
        if let Some(name) = name {
            attacker.raw.sign_up(name).await;
        }
        attacker.say(packets, address_choice).await;
        is_little &= attacker.gets_little(&format!("{who}, {kind}")).await;
    }
    is_little
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_out_connection_causes_at_most_three_times_the_bytes_at_forged_addresses() {
    assert!(migrations(&Server::start(), "signed out", [None; 4]).await, "they get more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_in_connection_causes_at_most_three_times_the_bytes_at_forged_addresses() {
    let server = Server::start();
    let names = ["m1", "m2", "m3", "m4"].map(Some);
    let is_little = migrations(&server, "signed in", names).await;
    let attacker = Attacker::connect(&server).await;
    attacker.raw.sign_up("mallory").await;
    for _ in 0..MESSAGES {
        let text = sdk::text(&"x".repeat(3_000));
        let send = SendText { id: ClientId::random(), to: sdk::user("mallory"), text };
        attacker.raw.ask(send).await.unwrap();
    }
    attacker.ask(30, onwards()).await;
    let answers_are_little = attacker.gets_little("signed in, questions with long answers").await;
    assert!(is_little && answers_are_little, "they get more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_answers_validate_no_address() {
    let server = Server::start();
    let is_forging = Arc::<AtomicBool>::default();
    let mut is_little = true;
    for (kind, address_choice) in
        [("one other address", in_turn(1)), ("home too", there_and_back())]
    {
        let attacker = Attacker::with(&server, forging(&server, &is_forging)).await;
        let multi_address_socket = Arc::clone(&attacker.multi_address_socket);
        let (raw, forging) = (&attacker.raw, &is_forging);
        forging.store(true, Ordering::Relaxed);
        attacker.say(300, address_choice).await;
        forging.store(false, Ordering::Relaxed);
        assert!(raw.connection.close_reason().is_none() && multi_address_socket.datagrams() > 0);
        is_little &= attacker.gets_little(&format!("made-up answers, {kind}")).await;
    }
    assert!(is_little, "they get more");
}
