//! Connections that move to addresses of others: whoever has one of these gets no more than three times the
//! bytes that were sent in their name.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use qchat_proto::command::{History, Log, Selection, SendText};
use qchat_proto::{ALPN, ClientId, Request, frame};
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Endpoint, TransportConfig};
use tokio::time::sleep;

use super::forger::Forger;
use super::wanderer::{HOME, Itinerary, Wanderer};
use crate::harness::{RawConnection, Server, configuration, in_time, sdk, tls};

/// At how many addresses a connection shows up.
const ADDRESSES: usize = 1_000;

/// For how long what the server says late is counted.
const COUNTED_FOR: Duration = Duration::from_secs(2);

/// How long a datagram's answer has until the next one is sent.
const PACE: Duration = Duration::from_millis(1);

/// The longest answer, in messages of the longest text that a stranger's request could hold.
const MESSAGES: u32 = 12;

/// Somebody who says a lot, hears nothing, and goes on.
fn careless_transport() -> TransportConfig {
    let mut congestion = CubicConfig::default();
    congestion.initial_window(1 << 30);
    let mut transport = TransportConfig::default();
    transport
        .congestion_controller_factory(Arc::new(congestion))
        .enable_segmentation_offload(false)
        .mtu_discovery_config(None);
    transport
}

fn careless(server: &Server) -> ClientConfig {
    let mut configuration = configuration(server, ALPN);
    configuration.transport_config(Arc::new(careless_transport()));
    configuration
}

/// A client that makes up answers while the flag is set.
fn forging(server: &Server, is_forging: &Arc<AtomicBool>) -> ClientConfig {
    let inner = Arc::new(QuicClientConfig::try_from(tls(server)).unwrap());
    let forger = Forger { is_forging: Arc::clone(is_forging), inner };
    let mut configuration = ClientConfig::new(Arc::new(forger));
    configuration.transport_config(Arc::new(careless_transport()));
    configuration
}

struct Attacker {
    wanderer: Arc<Wanderer>,
    raw: RawConnection,
    _endpoint: Endpoint,
}

impl Attacker {
    async fn connect(server: &Server) -> Self {
        Self::with(server, careless(server)).await
    }

    async fn with(server: &Server, configuration: ClientConfig) -> Self {
        let (wanderer, endpoint) = Wanderer::endpoint();
        let raw = RawConnection::of(&endpoint, server.address, configuration).await.unwrap();
        Self { wanderer, raw, _endpoint: endpoint }
    }

    /// Says so many small packets.
    async fn say(&self, packets: usize, itinerary: Itinerary) {
        let (mut send, _receive) = self.raw.stream().await;
        // Of a request that never comes whole.
        send.write_all(&4_000_u32.to_be_bytes()).await.unwrap();
        self.wanderer.travel(itinerary);
        while self.wanderer.datagrams() < packets {
            let before = self.wanderer.datagrams();
            if send.write_all(b"x").await.is_err() {
                // A slow machine: the server waits for no request without end.
                break;
            }
            in_time(async {
                while self.wanderer.datagrams() == before {
                    sleep(PACE).await;
                }
            })
            .await;
        }
        self.wanderer.return_home();
        // It is read no more, and the connection goes on.
        let _ = send.reset(0_u8.into());
    }

    /// Asks so often for much, from other addresses than home.
    async fn ask(&self, questions: usize, itinerary: Itinerary) {
        self.wanderer.travel(itinerary);
        let mut streams = Vec::new();
        for _ in 0..questions {
            let before = self.wanderer.datagrams();
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
                while self.wanderer.datagrams() == before {
                    sleep(PACE).await;
                }
            })
            .await;
        }
        sleep(COUNTED_FOR).await;
        self.wanderer.return_home();
    }

    /// Counts what came, in sum and where it was the most: returns whether it is little enough.
    async fn gets_little(self, what: &str) -> bool {
        sleep(COUNTED_FOR).await;
        let bytes = self.wanderer.bytes_abroad();
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

/// From ever new addresses.
fn onwards() -> Itinerary {
    Box::new(|number| HOME + 1 + number)
}

/// From one after the other of so many, again and again.
fn in_turn(addresses: usize) -> Itinerary {
    Box::new(move |number| HOME + 1 + number % addresses)
}

/// From home and one other, in turns, several packets each.
fn there_and_back() -> Itinerary {
    Box::new(|number| if number / 5 % 2 == 0 { HOME + 1 } else { HOME })
}

/// Counts what each of these journeys draws. `names` are the accounts to sign in with, if any.
async fn journeys(server: &Server, who: &str, names: [Option<&str>; 4]) -> bool {
    let kinds: [(&str, usize, Itinerary); 4] = [
        ("ever new addresses", ADDRESSES, onwards()),
        ("ten addresses in turn", 300, in_turn(10)),
        ("two addresses, interleaved", 200, in_turn(2)),
        ("home and one other", 200, there_and_back()),
    ];
    let mut is_little = true;
    for ((kind, packets, itinerary), name) in kinds.into_iter().zip(names) {
        let attacker = Attacker::connect(server).await;
        if let Some(name) = name {
            attacker.raw.sign_up(name).await;
        }
        attacker.say(packets, itinerary).await;
        is_little &= attacker.gets_little(&format!("{who}, {kind}")).await;
    }
    is_little
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_addresses_to_which_a_strangers_connection_moves_get_at_most_three_times_the_bytes() {
    assert!(journeys(&Server::start(), "signed out", [None; 4]).await, "they get more");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_addresses_to_which_a_users_connection_moves_get_at_most_three_times_the_bytes() {
    let server = Server::start();
    let names = ["m1", "m2", "m3", "m4"].map(Some);
    let is_little = journeys(&server, "signed in", names).await;
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
async fn answers_that_are_made_up_prove_no_address() {
    let server = Server::start();
    let is_forging = Arc::<AtomicBool>::default();
    let mut is_little = true;
    for (kind, itinerary) in [("one other address", in_turn(1)), ("home too", there_and_back())] {
        let attacker = Attacker::with(&server, forging(&server, &is_forging)).await;
        let wanderer = Arc::clone(&attacker.wanderer);
        let (raw, forging) = (&attacker.raw, &is_forging);
        forging.store(true, Ordering::Relaxed);
        attacker.say(300, itinerary).await;
        forging.store(false, Ordering::Relaxed);
        assert!(raw.connection.close_reason().is_none() && wanderer.datagrams() > 0);
        is_little &= attacker.gets_little(&format!("made-up answers, {kind}")).await;
    }
    assert!(is_little, "they get more");
}
