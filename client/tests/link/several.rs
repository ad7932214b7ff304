//! A server with several addresses: which one is tried, which key is accepted, and when the client moves on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use qchat_client::proto::command::{Event, Request, Resumed};
use qchat_client::proto::{ALPN, Refusal, quic_codes};
use qchat_client::{
    CallError, Client, Code, ConnectError, Fingerprint, IdentityError, NoAnswer, Pin, PinFile,
    ReconnectingClient, ServerAddress, ServerAddresses, SessionToken, Trust, Unknown,
};
use quinn::{Connection, VarInt};
use tokio::net::UdpSocket;
use tokio::sync::Notify;

use crate::server::{Identity, next_request, say, start, start_at};

const LIMIT: Duration = Duration::from_secs(20);

fn list(servers: &[&ServerAddress]) -> ServerAddresses {
    let texts: Vec<_> = servers.iter().map(ToString::to_string).collect();
    texts.join(",").parse().unwrap()
}

async fn stay(connection: Connection) {
    connection.closed().await;
}

/// A server that counts its connections, and serves each with `serve`.
fn counting<F>(
    identity: &Identity,
    serve: impl Fn(Connection) -> F + Send + 'static,
) -> (ServerAddress, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let connections = Arc::<AtomicUsize>::default();
    let made = Arc::clone(&connections);
    let server = start(identity, move |connection| {
        made.fetch_add(1, Ordering::SeqCst);
        serve(connection)
    });
    (server, connections)
}

/// The address of a socket that never answers.
async fn silent() -> (UdpSocket, ServerAddress) {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap().to_string().parse().unwrap();
    (socket, address)
}

/// A folder with a pin file.
struct Pins {
    _folder: tempfile::TempDir,
    file: PinFile,
}

impl Pins {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = PinFile::at(folder.path().join("known_servers"));
        Self { _folder: folder, file }
    }

    fn trust(&self, unknown: Unknown) -> Trust {
        Trust::Known { pins: self.file.clone(), unknown }
    }

    fn key(&self, server: &ServerAddress) -> Option<Fingerprint> {
        self.file.lookup(server).unwrap().map(|pin: Pin| pin.key)
    }

    async fn refused(&self, server: &ServerAddresses) -> IdentityError {
        match Client::connect(server, self.trust(Unknown::Accept)).await {
            Err(ConnectError::Identity(error)) => error,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_first_address_that_answers_is_connected() {
    let identity = Identity::new();
    let (_socket, dead) = silent().await;
    let alive = start(&identity, stay);
    let trust = Trust::Fingerprint(identity.fingerprint());
    let client = Client::connect(&list(&[&dead, &alive]), trust).await.unwrap();
    assert_eq!(client.server(), &alive);
    assert!(client.has_others());
}

#[tokio::test]
async fn one_meeting_makes_all_addresses_of_the_list_known() {
    let (identity, pins) = (Identity::new(), Pins::new());
    let (a, b) = (start(&identity, stay), start(&identity, stay));
    let (_socket, dead) = silent().await;
    let client = Client::connect(&list(&[&a, &b, &dead]), pins.trust(Unknown::Accept)).await;
    assert_eq!(client.unwrap().first_contact(), Some(identity.fingerprint()));
    for server in [&a, &b, &dead] {
        assert_eq!(pins.key(server), Some(identity.fingerprint()));
    }
    let alone = Client::connect(&b, pins.trust(Unknown::Refuse)).await.unwrap();
    assert_eq!(alone.first_contact(), None);
}

#[tokio::test]
async fn a_new_address_of_a_known_server_is_known_by_the_key_of_the_others() {
    let (identity, pins) = (Identity::new(), Pins::new());
    let (_socket, dead) = silent().await;
    let new = start(&identity, stay);
    pins.file.pin(&dead, identity.fingerprint()).unwrap();
    let client = Client::connect(&list(&[&dead, &new]), pins.trust(Unknown::Refuse)).await.unwrap();
    assert_eq!((client.server(), client.first_contact()), (&new, None));
    assert_eq!(pins.key(&new), Some(identity.fingerprint()));
}

#[tokio::test]
async fn addresses_with_different_keys_are_refused_and_both_are_named() {
    let (ours, theirs, pins) = (Identity::new(), Identity::new(), Pins::new());
    let (_socket, known) = silent().await;
    let (other, connections) = counting(&theirs, stay);
    pins.file.pin(&known, ours.fingerprint()).unwrap();
    let both = list(&[&known, &other]);
    let error = pins.refused(&both).await;
    assert!(matches!(error, IdentityError::Different(_)), "{error:?}");
    let named = [
        format!("{known}: {}", ours.fingerprint()),
        format!("{other}: {}", theirs.fingerprint()),
        pins.file.path().display().to_string(),
    ];
    for part in &named {
        assert!(error.to_string().contains(part), "{part} is missing in: {error}");
    }
    assert_eq!(pins.key(&other), None);
    // Two known ones are found out before anything is sent.
    pins.file.pin(&other, theirs.fingerprint()).unwrap();
    let error = pins.refused(&both).await.to_string();
    for part in &named {
        assert!(error.contains(part), "{part} is missing in: {error}");
    }
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn addresses_may_change_their_key_one_after_the_other() {
    let (old, new, pins) = (Identity::new(), Identity::new(), Pins::new());
    let (_socket, dead) = silent().await;
    let (a, b) = (start(&new, stay), start(&old, stay));
    for server in [&dead, &a, &b] {
        pins.file.pin(server, old.fingerprint()).unwrap();
    }
    // Only one of them has announced the next key, to all.
    pins.file.announce(&b, old.fingerprint(), Some(new.fingerprint())).unwrap();
    let trust = || pins.trust(Unknown::Refuse);
    let moved = Client::connect(&list(&[&dead, &a]), trust()).await.unwrap();
    assert_eq!((moved.server(), moved.changed_key()), (&a, Some(new.fingerprint())));
    let back = Client::connect(&list(&[&dead, &b]), trust()).await.unwrap();
    assert_eq!((back.server(), back.changed_key()), (&b, None));
    assert_eq!((pins.key(&a), pins.key(&b)), (Some(new.fingerprint()), Some(old.fingerprint())));
}

#[tokio::test]
async fn a_wrong_fingerprint_names_the_address_that_presents_another_key() {
    let (asked, other) = (Identity::new(), Identity::new());
    let server = start(&other, stay);
    let connecting = Client::connect(&server, Trust::Fingerprint(asked.fingerprint())).await;
    let error = connecting.unwrap_err().to_string();
    assert!(error.contains(&format!("the server {server} presents another key")), "{error}");
}

#[tokio::test]
async fn after_a_loss_the_client_moves_on_and_the_next_run_begins_there() {
    let identity = Identity::new();
    let a = start(&identity, |connection| async move {
        connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
    });
    let b = start(&identity, stay);
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut reconnecting = ReconnectingClient::new(list(&[&a, &b]), trust.clone());
    let mut client = reconnecting.connect(LIMIT).await.unwrap();
    // On a busy machine, the address that is tried last may answer first.
    while client.server() == &a {
        client.closed().await;
        assert!(reconnecting.is_moving() && !reconnecting.is_lost());
        assert_eq!(reconnecting.next_pause(), Duration::ZERO);
        reconnecting.restart();
        client = reconnecting.connect(LIMIT).await.unwrap();
    }
    let (_socket, dead) = silent().await;
    let mut next = ReconnectingClient::new(list(&[&dead, &b]), trust);
    next = next.preferring(client.route().clone());
    assert_eq!(next.connect(LIMIT).await.unwrap().server(), &b);
}

/// Takes `Watch` and `Users`, and refuses another command because it shuts down. Sends an event once it is told to, and
/// never answers `Users`.
async fn drain(connection: Connection, go_on: Arc<Notify>) {
    let (mut watch, mut users, mut refused) = (None, None, None);
    while watch.is_none() || users.is_none() || refused.is_none() {
        let (request, stream) = next_request(&connection).await.unwrap();
        match request {
            Request::Watch(_) => watch = Some(stream),
            Request::Users(_) => users = Some(stream),
            _ => refused = Some(stream),
        }
    }
    say(&mut refused.unwrap(), &Err::<(), _>(Refusal::ShuttingDown)).await;
    go_on.notified().await;
    say(&mut watch.unwrap(), &Ok::<_, Refusal>(Event::CaughtUp)).await;
    connection.closed().await;
}

#[tokio::test]
async fn a_server_that_drains_is_left_while_its_calls_go_on() {
    let identity = Identity::new();
    let go_on = Arc::<Notify>::default();
    let told = Arc::clone(&go_on);
    let a = start(&identity, move |connection| drain(connection, Arc::clone(&told)));
    let (not_yet, b) = silent().await;
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut reconnecting = ReconnectingClient::new(list(&[&a, &b]), trust);
    let draining = reconnecting.connect(LIMIT).await.unwrap();
    let mut watching = draining.watch(Vec::new()).await.unwrap();
    let (users, groups) = tokio::join!(draining.users(), draining.groups());
    assert_eq!(groups.unwrap_err().code(), Code::ShuttingDown);
    // It may never be answered, so it is asked again at the other server.
    assert!(matches!(users, Err(CallError::NotSent(NoAnswer::ShuttingDown))), "{users:?}");
    assert!(draining.is_draining() && !draining.is_closed());
    assert!(reconnecting.client().is_none() && reconnecting.is_moving());
    drop(not_yet);
    assert_eq!(start_at(&b.to_string(), &[ALPN], &identity, stay), b);
    assert_eq!(reconnecting.connect(LIMIT).await.unwrap().server(), &b);
    go_on.notify_one();
    assert_eq!(watching.next().await.unwrap(), Event::CaughtUp);
}

#[tokio::test]
async fn an_only_server_that_drains_is_kept_to_the_end() {
    let identity = Identity::new();
    let a = start(&identity, |connection| drain(connection, Arc::default()));
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut reconnecting = ReconnectingClient::new(a, trust);
    let client = reconnecting.connect(LIMIT).await.unwrap();
    let _watching = client.watch(Vec::new()).await.unwrap();
    let users = client.users();
    tokio::select! {
        users = users => panic!("it may still be answered: {users:?}"),
        refused = async {
            let refused = client.groups().await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
            refused
        } => assert_eq!(refused.unwrap_err().code(), Code::ShuttingDown),
    }
    assert!(reconnecting.client().is_some() && !reconnecting.is_moving());
}

#[tokio::test]
async fn a_session_is_resumed_at_the_next_address_if_the_first_fails_to() {
    let identity = Identity::new();
    let a = start(&identity, |connection| async move {
        while let Some((_, mut stream)) = next_request(&connection).await {
            say(&mut stream, &Err::<(), _>(Refusal::Internal(7))).await;
        }
    });
    let b = start(&identity, |connection| async move {
        let user = "alice".parse().unwrap();
        let (_, mut stream) = next_request(&connection).await.unwrap();
        say(&mut stream, &Ok::<_, Refusal>(Resumed { user })).await;
        connection.closed().await;
    });
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut reconnecting = ReconnectingClient::new(list(&[&a, &b]), trust);
    let token = SessionToken::random();
    let client = tokio::time::timeout(LIMIT, reconnecting.signed_in(&token)).await.unwrap();
    assert_eq!(client.unwrap().server(), &b);
}

/// A process that was killed: its port is closed, and nothing tells of its connections.
#[tokio::test]
async fn a_closed_port_ends_a_connection_long_before_silence_does() {
    let identity = Identity::new();
    // The relay is the port that can be closed without a goodbye.
    let server = start_at("127.0.0.1:0", &[ALPN], &identity, stay);
    let behind: std::net::SocketAddr = server.to_string().parse().unwrap();
    let relay = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let front: ServerAddress = relay.local_addr().unwrap().to_string().parse().unwrap();
    let relaying = tokio::spawn(forward(relay, behind));
    let trust = Trust::Fingerprint(identity.fingerprint());
    let (_socket, dead) = silent().await;
    let client = Client::connect(&list(&[&front, &dead]), trust).await.unwrap();
    relaying.abort();
    let _ = relaying.await;
    let begun = tokio::time::Instant::now();
    let error = client.users().await.unwrap_err();
    assert!(error.to_string().contains(&NoAnswer::Silent.to_string()), "{error}");
    println!("the closed port was noticed after {:?}", begun.elapsed());
    assert!(begun.elapsed() < SILENCE, "no sooner than by silence");
}

/// The delay of each datagram, and the least time after which silence ends a connection with such delays.
const DELAY: Duration = Duration::from_millis(500);
const SILENCE: Duration = Duration::from_millis(6_800);

/// Forwards datagrams between one client and a server.
async fn forward(front: UdpSocket, server: std::net::SocketAddr) {
    let back = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let (front, mut delayed) = (Arc::new(front), tokio::task::JoinSet::new());
    let (mut there, mut here) = (vec![0; 65_536], vec![0; 65_536]);
    let mut client = None;
    let mut send = |socket: &Arc<UdpSocket>, bytes: &[u8], to: std::net::SocketAddr| {
        let (socket, bytes) = (Arc::clone(socket), bytes.to_owned());
        delayed.spawn(async move {
            tokio::time::sleep(DELAY).await;
            socket.send_to(&bytes, to).await.unwrap();
        });
    };
    loop {
        tokio::select! {
            received = front.recv_from(&mut there) => {
                let (length, from) = received.unwrap();
                // The datagram that asks whether the port is open comes from another socket.
                if length > 1 {
                    client = Some(from);
                    send(&back, &there[..length], server);
                }
            }
            received = back.recv_from(&mut here) => {
                let (length, _) = received.unwrap();
                send(&front, &here[..length], client.unwrap());
            }
        }
    }
}

#[tokio::test]
async fn a_move_that_is_interrupted_is_still_a_move_until_an_attempt_fails() {
    let identity = Identity::new();
    let a = start(&identity, |connection| async move {
        connection.close(VarInt::from_u32(quic_codes::SHUTTING_DOWN), b"");
    });
    let (not_yet, b) = silent().await;
    let trust = Trust::Fingerprint(identity.fingerprint());
    let mut reconnecting = ReconnectingClient::new(list(&[&a, &b]), trust);
    let mut client = reconnecting.connect(LIMIT).await.unwrap();
    drop(not_yet);
    start_at(&b.to_string(), &[ALPN], &identity, stay);
    while client.server() == &a {
        client.closed().await;
        client = reconnecting.connect(LIMIT).await.unwrap();
    }
    assert!(!reconnecting.is_moving());
    reconnecting.interrupt();
    assert!(reconnecting.is_moving());
    reconnecting.connect(LIMIT).await.unwrap();
    reconnecting.abandon();
    assert!(!reconnecting.is_moving());
}
