//! Silent connections and changed client addresses, which both sides notice within seconds.

use std::time::{Duration, Instant};

use qchat_client::{Body, CallError, Client, Event, Log, NoAnswer, Progress, Watching};
use qchat_proto::command::SendText;
use qchat_proto::{ALPN, ClientId};
use tokio::time::sleep;

use crate::harness::sdk::{
    catch_up, device, follow, message, next, resume, said, session, text, user,
};
use crate::harness::{
    NetworkFaults, RawConnection, Screen, SeededRandom, Server, UdpRelay, configuration, endpoint,
    in_time, texts,
};
use crate::prompt::live::knock;

/// Silence is detected after 5 s. This limit is for a busy machine, and shorter than a detection without
/// heartbeats.
const SOON: Duration = Duration::from_secs(15);

/// Watches, and waits until all earlier messages have arrived.
async fn watch(client: &Client) -> Watching {
    let mut watching = client.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    watching
}

#[track_caller]
fn check_soon(begun: Instant, what: &str) {
    let taken = begun.elapsed();
    println!("{what} after {taken:?}");
    assert!(taken < SOON, "{what} only after {taken:?}");
}

#[tokio::test]
async fn both_sides_notice_a_silent_connection() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let bob = resume(&session(&server, "bob", relay.address).await).await;
    let mut watching = watch(&bob).await;
    let alice = device(&server, "alice").await;
    let mut looking = watch(&alice).await;
    relay.cut();
    let begun = Instant::now();
    let ended = loop {
        if let Err(error) = next(&mut watching).await {
            break error;
        }
    };
    assert!(matches!(ended, CallError::NotSent(NoAnswer::Silent)), "{ended}");
    check_soon(begun, "the client noticed");
    let gone = Event::Presence { user: "bob".parse().unwrap(), online: false };
    while next(&mut looking).await.unwrap() != gone {}
    check_soon(begun, "the server noticed");
    let sent = bob.send(user("alice"), text("hello?")).await.unwrap_err();
    assert!(matches!(sent, CallError::NotSent(NoAnswer::Silent)), "{sent}");
}

#[tokio::test]
async fn a_command_on_a_silent_connection_fails_within_seconds() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let bob = resume(&session(&server, "bob", relay.address).await).await;
    relay.lose_answers();
    let begun = Instant::now();
    let sent = bob.send(user("bob"), text("a note")).await.unwrap_err();
    assert!(matches!(sent, CallError::OutcomeUnknown(NoAnswer::Silent)), "{sent}");
    check_soon(begun, "the command was given up");
}

#[tokio::test]
async fn a_follower_continues_after_a_silent_path_is_repaired() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let bob = follow(&session(&server, "bob", relay.address).await, Vec::new()).await;
    let first = bob.client().await.unwrap();
    let alice = device(&server, "alice").await;
    let mut expected = Vec::new();
    for round in 0..3 {
        if round == 1 {
            relay.cut();
        }
        for number in 0..10 {
            expected.push(format!("{round}.{number}"));
            alice.send(user("bob"), text(expected.last().unwrap())).await.unwrap();
        }
        if round == 1 {
            let begun = Instant::now();
            let lost = first.users().await.unwrap_err();
            assert!(matches!(lost, CallError::NotSent(NoAnswer::Silent)), "{lost}");
            check_soon(begun, "the follower's link was given up");
            relay.mend();
        }
    }
    for expected in &expected {
        let message = in_time(bob.next()).await.unwrap();
        assert_eq!(&said(&message.body), expected);
        assert!(bob.acknowledge(&message.id));
    }
    let again = bob.client().await.unwrap();
    assert!(first.is_closed() && !again.is_closed());
    bob.close().await.unwrap();
}

#[test]
fn a_prompt_reports_a_silent_connection_and_continues_after_the_repair() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let alice = server.user_over(&relay, "alice");
    // The session is saved, so the prompt asks for no password.
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    knock(&bob, "alice", &screen);
    relay.cut();
    let begun = Instant::now();
    screen.shows("connection lost; trying again");
    check_soon(begun, "the prompt told");
    bob.ok("send alice meanwhile");
    screen.press("\r");
    screen.prompts("(offline)");
    screen.enter("send bob patience");
    relay.mend();
    screen.shows("sent @bob:");
    let shown = screen.shows("│ meanwhile");
    assert_eq!(shown.matches("│ meanwhile").count(), 1, "{shown}");
    assert_eq!(texts(&bob.ok("inbox --from alice")), ["patience"]);
}

#[test]
fn a_script_continues_on_a_new_connection_after_its_own_has_fallen_silent() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = UdpRelay::to(server.address);
    let alice = server.user_over(&relay, "alice");
    let mut talk = alice.talk();
    talk.ok("send bob before");
    relay.cut();
    let begun = Instant::now();
    talk.tell("send bob once");
    let notice = talk.error_line().expect("a word about the link");
    check_soon(begun, "the script told");
    assert!(notice.contains("trying again"), "{notice}");
    relay.mend();
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    assert_eq!(texts(&bob.ok("inbox")), ["before", "once"]);
}

#[tokio::test]
async fn a_client_that_only_watches_is_reached_after_its_address_has_changed() {
    const CHANGES: usize = 3;
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let bob = resume(&session(&server, "bob", relay.address).await).await;
    let mut watching = watch(&bob).await;
    let alice = device(&server, "alice").await;
    for change in 0..CHANGES {
        let text_sent = format!("after change {change}");
        // The connection is idle: the last acknowledgement has been sent, and only the heartbeat shows the
        // new port.
        sleep(Duration::from_millis(200)).await;
        relay.change_ports();
        let begun = Instant::now();
        alice.send(user("bob"), text(&text_sent)).await.unwrap();
        assert_eq!(message(&mut watching).await, text_sent);
        println!("the address changed, and the next message came {:?} later", begun.elapsed());
        // Later events go to the new address.
        alice.send(user("bob"), text("and more")).await.unwrap();
        assert_eq!(message(&mut watching).await, "and more");
    }
    assert!(!bob.is_closed(), "the connection moved along");
    println!("{:?}", relay.counters());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_download_continues_after_the_address_of_the_client_has_changed() {
    const BYTES: usize = 48 * 1024 * 1024;
    const CHANGES: u64 = 3;
    let server = Server::start();
    let alice = device(&server, "alice").await;
    let folder = tempfile::tempdir().unwrap();
    let film = folder.path().join("film.mkv");
    std::fs::write(&film, crate::files::sending::noise(BYTES)).unwrap();
    let faults = NetworkFaults { delay_milliseconds: 10..11, ..NetworkFaults::NONE };
    let relay = UdpRelay::with_faults(server.address, faults, SeededRandom::new(1));
    let bob = resume(&session(&server, "bob", relay.address).await).await;
    let sent = alice.send_file(user("bob"), &film, Progress::none()).await.unwrap();
    let Body::File(file) = sent.body else { panic!("no file: {sent:?}") };
    let fresh = tempfile::tempdir().unwrap();
    let download = bob.download(Log::Inbox, file.name.as_str(), fresh.path(), Progress::none());
    let changes = tokio::task::spawn_blocking(move || {
        for change in 1..=CHANGES {
            relay.wait_until_carried(relay.carried() + 4 * 1024 * 1024);
            relay.change_ports();
            let begun = Instant::now();
            relay.wait_until_carried(relay.carried() + 1024 * 1024);
            check_soon(begun, &format!("after change {change} the file went on"));
        }
        relay
    });
    let (fetched, changes) = tokio::join!(in_time(download), changes);
    let _path = changes.unwrap();
    assert_eq!(std::fs::read(fetched.unwrap().path).unwrap(), std::fs::read(film).unwrap());
    assert!(!bob.is_closed(), "the connection moved along");
}

#[tokio::test]
async fn another_client_gets_answers_at_a_new_address_after_it_has_sent_enough_bytes() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    // This client does not know the amplification limit, and sends as many bytes as the server's challenge
    // needs.
    let configuration = configuration(&server, ALPN);
    let raw =
        RawConnection::of(&endpoint("127.0.0.1"), relay.address, configuration).await.unwrap();
    raw.sign_up("carol").await;
    for change in 0..3 {
        relay.change_ports();
        let begun = Instant::now();
        let (id, to) = (ClientId::random(), user("carol"));
        raw.ask(SendText { id, to, text: text(&"x".repeat(600)) }).await.unwrap();
        check_soon(begun, &format!("after change {change} a text was answered"));
    }
}
