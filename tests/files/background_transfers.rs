//! Transfers in the background of a prompt, and several at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use qchat_client::{Progress, TransferEvent};
use tokio::task::JoinSet;
use tokio::time::interval;

use crate::files::sending::noise;
use crate::harness::{
    Client, DEADLINE, NetworkFaults, Screen, SeededRandom, Server, UdpRelay, in_time, items, sdk,
    text, texts,
};

/// A path on which a film takes some time, and a message does not.
pub(crate) fn slow_path(server: &Server) -> UdpRelay {
    let faults =
        NetworkFaults { lost_percent: 3, delay_milliseconds: 20..40, ..NetworkFaults::NONE };
    UdpRelay::with_faults(server.address, faults, SeededRandom::new(7))
}

/// A prompt on a wide terminal.
fn open(client: &Client) -> Screen {
    client.ok("ls");
    let screen = Screen::open(client, &[]);
    screen.prompts("alice");
    screen
}

fn write_film(client: &Client, name: &str, mebibytes: u64) {
    let film = std::fs::File::create(client.path(name)).unwrap();
    film.set_len(mebibytes * 1024 * 1024).unwrap();
}

/// Runs `transfers` until the last row has a rate.
#[track_caller]
fn wait_until_it_moves(screen: &mut Screen) -> String {
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < DEADLINE, "nothing moves");
        screen.enter("transfers");
        let shown = screen.prompts("alice");
        let row = shown.lines().rev().find(|line| line.contains(" MiB ")).unwrap_or_default();
        if row.contains("B/s") {
            return row.to_owned();
        }
    }
}

#[test]
fn messages_can_be_sent_during_a_transfer_and_the_transfer_can_be_stopped() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = slow_path(&server);
    let alice = server.user_over(&relay, "alice");
    write_film(&alice, "film.mkv", 512);
    let mut screen = open(&alice);
    screen.enter("send_file bob film.mkv &");
    screen.shows("transfer 1 begins");
    screen.prompts("alice");
    screen.enter("send bob hi");
    screen.shows("sent @bob:1");
    let row = wait_until_it_moves(&mut screen);
    assert!(row.starts_with("1  send  ") && row.ends_with("film.mkv"), "{row}");
    assert!(row.contains(" of 512.00 MiB ") && row.contains(" % ") && row.contains("B/s"), "{row}");
    screen.enter("transfers stop 2");
    screen.shows("no transfer 2 is under way (transfer_not_found)");
    screen.enter("transfers stop 1");
    screen.shows("stopped 1 at");
    screen.enter("transfers");
    screen.shows("film.mkv: stopped");
    screen.enter("send bob ho");
    screen.shows("sent @bob:2");
    assert_eq!(texts(&bob.ok("inbox")), ["hi", "ho"]);
}

#[test]
fn the_end_of_a_transfer_is_printed_above_a_partly_typed_line() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("a b.bin", &noise(100_000));
    alice.write("c.bin", &noise(1000));
    let mut screen = open(&alice);
    screen.enter("send_file bob a b.bin &");
    screen.press("send bob half");
    screen.shows("← send_file bob a b.bin &");
    screen.half_typed("alice@127.0.0.1> ", ["send bob half", ""]);
    screen.press("\r");
    screen.shows("sent @bob:2");
    screen.enter("send_file bob c.bin missing.bin &");
    screen.shows("missing.bin: there is no such file (local_file) ← send_file bob c.bin");
    screen.enter("send_file alice c.bin");
    screen.shows("stored as");
    screen.enter("download_file c.bin &");
    screen.shows("saved download/alice/c.bin (1000 B) ← download_file c.bin &");
    screen.enter("transfers");
    let shown = screen.shows("c.bin: saved download/alice/c.bin");
    assert!(shown.contains("a b.bin: sent @bob:1"), "{shown}");
    assert!(shown.contains("missing.bin: failed: local_file"), "{shown}");
    let inbox = bob.ok("inbox");
    assert_eq!(items(&inbox["messages"]).len(), 2);
    assert_eq!(text(&inbox["messages"][0]["file"]["original"]), "a b.bin");
    assert_eq!(std::fs::read(alice.path("download/alice/c.bin")).unwrap(), noise(1000));
}

#[test]
fn a_transfer_continues_after_a_kill_of_the_server_and_is_one_message() {
    let server = Server::start();
    let bob = server.user("bob");
    let relay = slow_path(&server);
    let alice = server.user_over(&relay, "alice");
    alice.write("film.mkv", &noise(2 * 1024 * 1024));
    let mut screen = open(&alice);
    screen.enter("send_file bob film.mkv &");
    screen.prompts("alice");
    wait_until_it_moves(&mut screen);
    let stopped = server.kill9();
    screen.shows("connection lost");
    let _server = stopped.start();
    screen.shows("← send_file bob film.mkv &");
    let inbox = bob.ok("inbox");
    assert_eq!(items(&inbox["messages"]).len(), 1, "{inbox}");
    let digest = blake3::hash(&noise(2 * 1024 * 1024)).to_hex();
    assert_eq!(text(&inbox["messages"][0]["file"]["blake3"]), digest.as_str());
}

#[test]
fn four_transfers_run_at_once_and_the_exit_names_the_remaining_ones() {
    let server = Server::start();
    let relay = slow_path(&server);
    let alice = server.user_over(&relay, "alice");
    let mut screen = open(&alice);
    for number in 1..=6 {
        write_film(&alice, &format!("film{number}.mkv"), 64);
        screen.enter(&format!("send_file alice film{number}.mkv &"));
        screen.shows(&format!("transfer {number} begins"));
        screen.prompts("alice");
    }
    wait_until_it_moves(&mut screen);
    screen.enter("transfers");
    let shown = screen.prompts("alice");
    let last: Vec<_> = shown.lines().rev().skip(1).take(6).collect();
    let waiting: Vec<_> = last.iter().filter(|row| row.contains("  waits  ")).collect();
    assert_eq!(waiting.len(), 2, "{shown}");
    assert!(waiting[0].ends_with("film6.mkv") && waiting[1].ends_with("film5.mkv"), "{shown}");
    // The next transfer moves up in the queue.
    screen.enter("transfers stop 2");
    screen.shows("stopped 2 at");
    screen.enter("transfers");
    screen.wrote("film2.mkv: stopped");
    screen.enter("quit");
    for number in [1, 3, 4, 5, 6] {
        screen.wrote(&format!("stopped {number} at "));
    }
    assert_eq!(screen.ends(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_files_share_one_connection_also_if_packets_are_reordered() {
    const FILES: usize = 4;
    const TOTAL: u64 = 8 * 1024 * 1024;
    let server = Server::start();
    let relay = slow_path(&server);
    let client = sdk::resume(&sdk::session(&server, "alice", relay.address).await).await;
    let film = server.folder().join("film.mkv");
    std::fs::File::create(&film).unwrap().set_len(64 * 1024 * 1024).unwrap();
    let moved = Arc::new([const { AtomicU64::new(0) }; FILES]);
    let mut files = JoinSet::new();
    for number in 0..FILES {
        let (client, film, moved) = (client.clone(), film.clone(), Arc::clone(&moved));
        files.spawn(async move {
            let progress = Progress::new(move |event| {
                if let TransferEvent::Moved { bytes } = event {
                    moved[number].fetch_add(bytes, Ordering::Relaxed);
                }
            });
            client.send_file(sdk::user("alice"), &film, progress).await.unwrap();
        });
    }
    let shares =
        || -> Vec<u64> { moved.iter().map(|moved| moved.load(Ordering::Relaxed)).collect() };
    let begun = Instant::now();
    let mut looks = interval(Duration::from_millis(10));
    in_time(async {
        while shares().iter().sum::<u64>() < TOTAL {
            looks.tick().await;
        }
    })
    .await;
    let shares = shares();
    let carried = relay.carried();
    println!("{shares:?} bytes in {:?}, {carried} carried", begun.elapsed());
    assert!(shares.iter().all(|&share| share > TOTAL / 8), "{shares:?}");
    // Reordered packets are not sent again.
    assert!(carried < shares.iter().sum::<u64>() * 5 / 4, "{carried}");
}

#[test]
fn scripts_have_no_background_and_a_message_may_end_with_an_ampersand() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("x", b"x");
    assert_eq!(alice.refused("send_file bob x &"), "usage");
    assert_eq!(alice.refused("download_file x &"), "usage");
    assert_eq!(alice.refused("transfers"), "usage");
    alice.ok("send bob R &");
    assert_eq!(texts(&bob.ok("inbox")), ["R &"]);
    alice.write("x &", b"and");
    let sent = alice.ok("send_file bob \"x &\"");
    assert_eq!(sent["message"]["file"]["original"], "x &");
    let mut screen = open(&alice);
    screen.enter("send bob S &");
    screen.shows("sent @bob:3");
    assert_eq!(text(&bob.ok("inbox")["messages"][2]["text"]), "S &");
}
