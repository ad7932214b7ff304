//! Files that are under way when a machine stops or dies: they go on at another one.

use rustix::process::Signal;

use crate::files::resume::{check_stored, film, part_with};
use crate::harness::{
    Client, NetworkFaults, Screen, SeededRandom, Server, Stopped, UdpRelay, hash, items, text,
};

use super::{Addresses, Beside};

/// A path that is slow enough to interrupt a transfer, as the first address, and another machine as the second.
struct SlowFirst {
    server: Server,
    alice: Client,
    second: String,
    relay: UdpRelay,
}

impl SlowFirst {
    fn new() -> Self {
        let server = Server::talkative(&[]);
        let faults = NetworkFaults { delay_milliseconds: 5..6, ..NetworkFaults::NONE };
        let relay = UdpRelay::with_faults(server.address, faults, SeededRandom::new(1));
        let Addresses { second, .. } = Addresses::of(&server);
        let list = format!("{},{second}", relay.address);
        let alice = server.user("alice");
        let alice = alice.pointed_at(&["--server", &list, "--fingerprint", &server.fingerprint]);
        Self { server, alice, second, relay }
    }
}

/// The numbers of blocks that the server had and that came, of the upload that is logged next.
fn came(server: &mut Server) -> (u64, u64) {
    let line = server.logged("blocks of a file have come");
    let number = |name: &str| {
        let (_, rest) = line.split_once(&format!(" {name}=")).unwrap();
        rest.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    (number("kept"), number("came"))
}

#[track_caller]
fn check_upload(end: impl Fn(Server) -> Stopped) {
    let SlowFirst { server, alice, second, relay: _relay } = SlowFirst::new();
    alice.write("film.mkv", &film());
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    part_with(&server.folder().join("upload"), 3);
    let mut server = end(server).start_at(&second);
    let answer = talk.answer().expect("an answer");
    assert_eq!(answer["ok"], true, "{answer}");
    let (kept, came) = came(&mut server);
    assert!(kept >= 3 && came < 24, "{kept} kept, {came} came");
    check_stored(&server, &alice, &film());
}

#[test]
fn an_upload_goes_on_at_another_server_after_a_kill() {
    check_upload(Server::kill9);
}

#[test]
fn a_download_goes_on_at_another_server_after_a_kill() {
    let SlowFirst { server, alice, second, relay: _relay } = SlowFirst::new();
    alice.write("film.mkv", &film());
    let direct = server.client_of("alice");
    direct.write("film.mkv", &film());
    direct.ok("send_file alice film.mkv");
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("download_file film.mkv");
    part_with(&alice.path("download"), 3);
    let mut server = server.kill9().start_at(&second);
    let answer = talk.answer().expect("an answer");
    assert_eq!(answer["ok"], true, "{answer}");
    let line = server.logged("blocks of a file have gone");
    let (_, went) = line.split_once(" went=").unwrap();
    let went: u64 = went.split(' ').next().unwrap().parse().unwrap();
    assert!(went < 24, "{line}");
    let path = alice.path(text(&answer["path"]));
    assert_eq!(hash(&path), blake3::hash(&film()).to_hex().as_str());
}

#[test]
fn a_prompt_moves_on_during_a_drain_that_waits_for_its_file() {
    let SlowFirst { server, alice, second, relay } = SlowFirst::new();
    let bob = server.user("bob");
    alice.write("film.mkv", &film());
    alice.ok("ls");
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice@127.0.0.1>");
    screen.enter("send_file bob film.mkv &");
    part_with(&server.folder().join("upload"), 3);
    // The file is finished within the time that the server gives to commands under way.
    let stopped = server.terminate();
    drop(relay);
    let server = stopped.start_at(&second);
    screen.enter("send bob and a word");
    screen.shows("film.mkv, ");
    screen.prompts("alice@127.0.0.1>");
    let bob = bob.pointed_at(&["--server", &second, "--fingerprint", &server.fingerprint]);
    let inbox = bob.ok("inbox");
    let messages = items(&inbox["messages"]);
    assert_eq!(messages.len(), 2, "{inbox}");
    let file = messages.iter().find(|message| !message["file"].is_null()).unwrap();
    assert_eq!(text(&file["file"]["blake3"]), blake3::hash(&film()).to_hex().as_str());
}

/// The drain of a server waits 10 s for a file that is under way. The person does not.
#[test]
fn a_prompt_sends_at_the_other_server_while_the_first_one_still_waits_for_a_file() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let (alice, bob) = (server.user_over(&relay, "alice"), server.user("bob"));
    alice.ok("ls");
    let stopped = server.terminate();
    let (second, first) = (Beside::of(&stopped), stopped.start());
    relay.change_faults(NetworkFaults { queue_bytes: u32::MAX, ..NetworkFaults::slow(8_000_000) });
    let list = format!("{},{}", relay.address, second.address);
    let alice = alice.pointed_at(&["--server", &list, "--fingerprint", &first.fingerprint]);
    alice.write("film.mkv", &film());
    let mut screen = Screen::open(&alice, &[]);
    screen.prompts("alice@127.0.0.1>");
    screen.enter("send_file bob film.mkv &");
    part_with(&first.folder().join("upload"), 1);
    let second = second.start();
    first.signal(Signal::TERM);
    screen.enter("send bob meanwhile");
    screen.shows("sent @bob:1");
    // A process that has ended has no memory.
    assert!(first.memory() > 0, "the first server still waits for the file");
    assert_eq!(first.parts().len(), 1);
    let shown = screen.shows("film.mkv, 23.00 MiB");
    for word in ["lost", "offline", "trying"] {
        assert!(!shown.contains(word), "{word} in:\n{shown}");
    }
    first.ends();
    let bob = bob.pointed_at(&[
        "--server",
        &second.address.to_string(),
        "--fingerprint",
        &second.fingerprint,
    ]);
    let inbox = bob.ok("inbox");
    let [text_sent, file] = items(&inbox["messages"]) else { panic!("{inbox}") };
    assert_eq!(text(&text_sent["text"]), "meanwhile");
    assert_eq!(text(&file["file"]["blake3"]), blake3::hash(&film()).to_hex().as_str());
}
