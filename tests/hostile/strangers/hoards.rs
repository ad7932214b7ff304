//! The memory, slots and threads of the server that hostile signed-in users can occupy.

use std::sync::Arc;
use std::time::Duration;

use qchat_client::Progress;
use qchat_proto::command::{
    BlockRange, Cursor, Done, Download, History, Log, Login, Logout, LogoutEverywhere,
    RevokeSession, Selection, Users, Watch,
};
use qchat_proto::limits::{ANSWER_BYTES_MAX, MESSAGE_BYTES_MAX, REQUEST_BYTES_MAX};
use qchat_proto::{
    ALPN, BoundedVec, Refusal, Request, Sequence, SessionId, SessionToken, TransferId, frame,
};
use quinn::{RecvStream, SendStream, TransportConfig, VarInt};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, timeout};

use crate::harness::{PASSWORD, RawConnection, Server, configuration, endpoint, in_time, sdk};

/// The number of connections of one account.
const CONNECTIONS: usize = 8;

/// The concurrent commands of a connection. The sign-in may still occupy one more.
const COMMANDS: usize = 63;

/// The flow-control window of a connection in each direction.
const WINDOW_BYTES: usize = 1024 * 1024;

/// The limits of an account: stored long requests, and running commands or long answers.
const LONG_REQUESTS: usize = 32;
const AT_WORK: usize = 16;

/// The watchers of an account, and the bytes of each query for a watcher, which may exceed this by one
/// message.
const FOLLOWERS: usize = 64;
const FOLLOWED_BYTES: usize = 64 * 1024 + MESSAGE_BYTES_MAX;

/// The concurrent downloads of an account, and the reading threads of each.
const DOWNLOADS: usize = 16;
const READING: usize = 3;

/// The memory of the allocator and of the store's cache.
const SLACK: usize = 8 * 1024 * 1024;

/// Connections of one account that reads no answer.
async fn connections(server: &Server, token: &SessionToken) -> Vec<RawConnection> {
    let mut transport = TransportConfig::default();
    transport.stream_receive_window(VarInt::from_u32(512));
    let mut config = configuration(server, ALPN);
    config.transport_config(Arc::new(transport));
    let from = endpoint("127.0.0.1");
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let raw = RawConnection::of(&from, server.address, config.clone()).await.unwrap();
        raw.resume(token).await;
        connections.push(raw);
    }
    connections
}

/// Waits until only keep-alives are sent and received for some time.
async fn settled(connections: &[RawConnection]) {
    const FOR: Duration = Duration::from_millis(700);
    const KEEPING_ALIVE: u64 = 4096;
    let bytes = || -> u64 {
        let stats = connections.iter().map(|raw| raw.connection.stats());
        stats.map(|stats| stats.udp_tx.bytes + stats.udp_rx.bytes).sum()
    };
    let (mut ticks, mut last, mut since) =
        (interval(Duration::from_millis(20)), bytes(), Instant::now());
    in_time(async {
        while since.elapsed() < FOR {
            ticks.tick().await;
            if bytes() > last + KEEPING_ALIVE {
                (last, since) = (bytes(), Instant::now());
            }
        }
    })
    .await;
}

/// Opens a stream, and writes this request.
async fn ask(raw: &RawConnection, request: impl Into<Request>) -> (SendStream, RecvStream) {
    let (mut send, receive) = raw.stream().await;
    in_time(send.write_all(&frame::encode_frame(&request.into()))).await.unwrap();
    send.finish().unwrap();
    (send, receive)
}

/// A server with a user who has received four times as many messages as fit into an answer.
async fn with_messages() -> (Server, SessionToken) {
    let server = Server::start();
    let mallory = RawConnection::connect(&server).await;
    let token = mallory.sign_up("mallory").await;
    let alice = sdk::device(&server, "alice").await;
    for _ in 0..4 * ANSWER_BYTES_MAX / MESSAGE_BYTES_MAX {
        let text = sdk::text(&"x".repeat(MESSAGE_BYTES_MAX));
        alice.send(sdk::user("mallory"), text).await.unwrap();
    }
    (server, token)
}

/// Prints the growth of the server's memory, and checks that it is below the bound.
#[track_caller]
fn check(what: &str, server: &Server, before: u64, most: usize) {
    let grown = usize::try_from(server.peak_memory().saturating_sub(before)).unwrap();
    println!("{what}: {} KiB of {}", grown / 1024, most / 1024);
    assert!(grown <= most, "{what}: {grown} bytes are more than {most}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn endless_requests_occupy_only_the_memory_of_one_account() {
    let server = Server::start();
    let token = RawConnection::connect(&server).await.sign_up("mallory").await;
    let connections = connections(&server, &token).await;
    let before = server.memory();
    let mut writing = JoinSet::new();
    for raw in &connections {
        for _ in 0..COMMANDS {
            let (mut send, receive) = raw.stream().await;
            writing.spawn(async move {
                let length = u32::try_from(REQUEST_BYTES_MAX).unwrap();
                let all_but_one = vec![0; REQUEST_BYTES_MAX - 1];
                send.write_all(&length.to_be_bytes()).await.unwrap();
                send.write_all(&all_but_one).await.unwrap();
                // Neither finishes nor drops the stream.
                std::future::pending::<()>().await;
                drop((send, receive));
            });
        }
    }
    settled(&connections).await;
    let of_connections = (WINDOW_BYTES + COMMANDS * 8 * 1024) * CONNECTIONS;
    // A growing vector has up to twice the capacity.
    let of_account = LONG_REQUESTS * 2 * REQUEST_BYTES_MAX;
    check("requests", &server, before, of_connections + of_account + SLACK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn long_slow_requests_leave_slots_for_other_devices() {
    let server = Server::start();
    let token = RawConnection::connect(&server).await.sign_up("alice").await;
    let (desk, phone) =
        (RawConnection::connect(&server).await, RawConnection::connect(&server).await);
    desk.resume(&token).await;
    phone.resume(&token).await;
    let mut slow = Vec::new();
    for _ in 0..LONG_REQUESTS {
        let (mut send, receive) = desk.stream().await;
        let length = u32::try_from(REQUEST_BYTES_MAX).unwrap();
        send.write_all(&length.to_be_bytes()).await.unwrap();
        // This is long enough to need one of the account's slots, and the request is incomplete.
        send.write_all(&[0; REQUEST_BYTES_MAX / 8]).await.unwrap();
        slow.push((send, receive));
    }
    settled(std::slice::from_ref(&desk)).await;
    // The server gives incomplete requests up after 8 s, and the phone must not wait for that.
    let users = timeout(Duration::from_secs(4), phone.ask(Users { after: None })).await;
    assert!(users.expect("it waits for the desk").is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unread_answers_occupy_only_the_slots_of_one_account() {
    let (server, token) = with_messages().await;
    let connections = connections(&server, &token).await;
    let before = server.memory();
    let mut streams = Vec::new();
    for raw in &connections {
        for _ in 0..24 {
            let (log, selection) = (Log::Inbox, Selection::Unread);
            let history = History { log, selection, from: None, before: None, page: None };
            streams.push(ask(raw, history).await);
        }
    }
    settled(&connections).await;
    let of_connections = WINDOW_BYTES * CONNECTIONS;
    // Each answer is in memory as it was read, and as it is sent.
    let of_account = AT_WORK * 2 * ANSWER_BYTES_MAX;
    check("answers", &server, before, of_connections + of_account + SLACK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn watchers_that_do_not_read_occupy_little_memory_each() {
    let (server, token) = with_messages().await;
    let connections = connections(&server, &token).await;
    let before = server.memory();
    let mut streams = Vec::new();
    for number in 0..FOLLOWERS {
        let cursor = Cursor { log: Log::Inbox, after: Sequence(0) };
        let watch = Watch { cursors: BoundedVec::first_of([cursor]) };
        streams.push(ask(&connections[number % CONNECTIONS], watch).await);
    }
    settled(&connections).await;
    let of_connections = WINDOW_BYTES * CONNECTIONS;
    let of_account = FOLLOWERS * FOLLOWED_BYTES;
    check("followers", &server, before, of_connections + of_account + SLACK);
}

/// Starts as many downloads as an account may have, and cancels them by signing out.
async fn begin_and_give_up(raw: &RawConnection) {
    let (user, password) = ("mallory".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    raw.ask(Login { user, password }).await.unwrap();
    let mut streams = Vec::new();
    for number in 0..DOWNLOADS {
        let transfer = TransferId(number.try_into().unwrap());
        let blocks = BoundedVec::first_of([BlockRange { first: 0, count: 8 }]);
        let (log, file) = (Log::Inbox, "film.mkv".into());
        streams.push(ask(raw, Download { log, file, blocks, transfer }).await);
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    raw.ask(Logout).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_downloads_occupy_only_the_threads_of_one_account() {
    const ROUNDS: usize = 8;
    let server = Server::start();
    let mallory = sdk::device(&server, "mallory").await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mkv");
    std::fs::File::create(&path).unwrap().set_len(8 * 1024 * 1024).unwrap();
    mallory.send_file(sdk::user("mallory"), &path, Progress::none()).await.unwrap();
    // While other users chat, files are read slowly.
    let alice = sdk::device(&server, "alice").await;
    let talking = tokio::spawn(async move {
        let mut ticks = interval(Duration::from_millis(100));
        loop {
            ticks.tick().await;
            alice.send(sdk::user("alice"), sdk::text("hi")).await.unwrap();
        }
    });
    let raw = RawConnection::connect(&server).await;
    let (before, mut most) = (server.threads(), 0);
    for _ in 0..ROUNDS {
        begin_and_give_up(&raw).await;
        most = most.max(server.threads().saturating_sub(before));
    }
    talking.abort();
    // As many threads again for everything else, for example the queries of running commands.
    let bound = 2 * DOWNLOADS * READING;
    println!("given up: {most} threads of {bound}");
    assert!(most <= bound, "{most} threads are more than {bound}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn session_control_occupies_only_the_threads_of_its_slots() {
    // Twice as many as its slots. Idle threads end after ten seconds.
    const THREADS: usize = 8;
    const ROUNDS: usize = 4;
    let server = Server::start();
    let token = RawConnection::connect(&server).await.sign_up("mallory").await;
    let connections = connections(&server, &token).await;
    let before = server.threads();
    for _ in 0..ROUNDS {
        let mut answers = Vec::new();
        for raw in &connections {
            for _ in 0..COMMANDS {
                answers.push(ask(raw, RevokeSession { id: SessionId([0; 6]) }).await.1);
            }
        }
        for mut answer in answers {
            // Each command commits a change, and then queries the store on a thread of its own.
            let answer = frame::read::<Result<Done, Refusal>>(&mut answer, ANSWER_BYTES_MAX);
            assert!(in_time(answer).await.unwrap().is_err());
        }
    }
    let grown = server.threads().saturating_sub(before);
    println!("session control: {grown} threads of {THREADS}");
    assert!(grown <= THREADS, "{grown} threads are more than {THREADS}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thief_of_a_session_cannot_keep_the_owner_from_ending_it() {
    let (server, token) = with_messages().await;
    let owner = RawConnection::connect(&server).await;
    owner.resume(&token).await;
    let connections = connections(&server, &token).await;
    let mut asked = Vec::new();
    for _ in 0..2 * AT_WORK {
        let (log, selection) = (Log::Inbox, Selection::Newest(1000));
        let history = History { log, selection, from: None, before: None, page: None };
        asked.push(ask(&connections[0], history).await);
    }
    settled(&connections).await;
    // All slots of the account are occupied, and stay so while nobody reads.
    let users = timeout(Duration::from_millis(500), owner.ask(Users { after: None })).await;
    assert!(users.is_err(), "{users:?}");
    // This is sooner than the server cancels unread answers.
    let ended = timeout(Duration::from_secs(20), owner.ask(LogoutEverywhere)).await;
    assert!(ended.expect("it waits for nobody").is_ok());
}
