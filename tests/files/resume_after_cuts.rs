//! A large file with five random interruptions: three of the link, and one kill of each side. At most one
//! block for each interruption is sent twice.

use std::path::PathBuf;

use crate::files::sending::stored;
use crate::harness::{
    Client, NetworkFaults, SeededRandom, Server, Talk, UdpRelay, files_below, hash, text,
};

const BLOCK: u64 = 1 << 20;

/// A rate that is slow enough for an interruption at any byte.
const BYTES_PER_SECOND: u32 = 20_000_000;

#[derive(Debug, Clone, Copy)]
enum Cut {
    Link,
    Sender,
    Receiver,
}

/// The number of blocks of the file: `QCHAT_CUT_MEBIBYTES`, or a small number.
fn blocks() -> u64 {
    std::env::var("QCHAT_CUT_MEBIBYTES").map_or(40, |count| count.parse().unwrap())
}

/// Five interruptions in random order, each with the byte after which it happens.
fn cuts(random: &mut SeededRandom, bytes: u64) -> Vec<(u64, Cut)> {
    let mut kinds = vec![Cut::Link, Cut::Link, Cut::Link, Cut::Sender, Cut::Receiver];
    let mut cuts = Vec::new();
    let stretch = bytes / 6;
    for number in 1_u64..=5 {
        let chosen = random.below(kinds.len().try_into().unwrap());
        let kind = kinds.swap_remove(chosen.try_into().unwrap());
        cuts.push((number * stretch - random.below(stretch / 2), kind));
    }
    cuts
}

/// A running transfer, which is continued after each interruption.
struct InterruptedTransfer {
    server: Option<Server>,
    relay: UdpRelay,
    alice: Client,
    talk: Talk,
    line: &'static str,
    /// The folder of the partial file.
    folder: PathBuf,
}

impl InterruptedTransfer {
    /// Alice behind a path that is slow enough for interruptions.
    fn new(random: &mut SeededRandom, line: &'static str) -> Self {
        let server = Server::start();
        let faults = NetworkFaults {
            delay_milliseconds: 5..6,
            bytes_per_second: Some(BYTES_PER_SECOND),
            ..NetworkFaults::NONE
        };
        let relay = UdpRelay::with_faults(server.address, faults, random.split());
        let alice = server.user("alice");
        write_film(&alice, blocks());
        let mut folder = server.folder().join("upload");
        if line.starts_with("download") {
            alice.ok("send_file alice film.mkv");
            folder = alice.path("download");
        }
        let address = relay.address.to_string();
        let behind = ["--server", &address, "--fingerprint", &server.fingerprint];
        let alice = alice.pointed_at(&behind);
        let talk = alice.talk();
        Self { server: Some(server), relay, alice, talk, line, folder }
    }

    fn begin(&mut self) {
        self.talk.ok("ls");
        self.talk.tell(self.line);
    }

    fn cut(&mut self, carried: u64, cut: Cut) {
        self.relay.wait_until_carried(carried);
        match cut {
            Cut::Link => {
                self.relay.cut();
                self.hear_of_the_loss();
                self.relay.mend();
            }
            Cut::Sender if self.line.starts_with("send") => self.kill_client(),
            Cut::Receiver if !self.line.starts_with("send") => self.kill_client(),
            Cut::Sender | Cut::Receiver => {
                let stopped = self.server.take().unwrap().kill9();
                self.server = Some(stopped.start());
                self.hear_of_the_loss();
            }
        }
    }

    fn kill_client(&mut self) {
        self.talk.kill();
        self.talk = self.alice.talk();
        self.begin();
    }

    fn hear_of_the_loss(&mut self) {
        while !self.talk.error_line().expect("a word about the link").contains("trying again") {}
    }

    fn server(&self) -> &Server {
        self.server.as_ref().unwrap()
    }
}

/// Writes a film of this many different blocks, block by block.
fn write_film(alice: &Client, blocks: u64) {
    use std::io::Write;
    let mut film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    let mut noise = blake3::Hasher::new().finalize_xof();
    let mut block = vec![0; BLOCK.try_into().unwrap()];
    for _ in 0..blocks {
        noise.fill(&mut block);
        film.write_all(&block).unwrap();
    }
}

/// Transfers the file without an interruption, and returns the number of sent bytes.
fn bytes_without_cuts(transfer: &mut InterruptedTransfer) -> u64 {
    transfer.talk.ok("ls");
    let before = transfer.relay.carried();
    transfer.talk.tell(transfer.line);
    // Six steps, each with its own deadline.
    for sixth in 1..=6 {
        transfer.relay.wait_until_carried(before + sixth * blocks() * BLOCK / 6);
    }
    assert_eq!(transfer.talk.answer().expect("an answer")["ok"], true);
    transfer.relay.carried() - before
}

/// Interrupts the transfer five times, and compares the number of sent bytes with that of an uninterrupted
/// transfer.
fn cut_five_times(
    transfer: &mut InterruptedTransfer,
    random: &mut SeededRandom,
    without_cuts: u64,
) -> serde_json::Value {
    let file = blocks() * BLOCK;
    let before = transfer.relay.carried();
    transfer.begin();
    for (bytes, cut) in cuts(random, file) {
        println!("{cut:?} after {bytes} of {file} bytes");
        transfer.cut(before + bytes, cut);
    }
    let answer = transfer.talk.answer().expect("an answer");
    assert_eq!(answer["ok"], true, "{answer}");
    let carried = transfer.relay.carried() - before;
    println!("{carried} bytes carried, and {without_cuts} without a cut");
    assert!(without_cuts > file, "{without_cuts}");
    assert!(
        carried < without_cuts + 5 * BLOCK,
        "{carried} bytes, and {without_cuts} without a cut"
    );
    answer
}

#[test]
fn an_upload_with_five_interruptions_is_the_same_file() {
    let mut random = SeededRandom::of_the_run();
    let line = "send_file alice film.mkv";
    let without_cuts = bytes_without_cuts(&mut InterruptedTransfer::new(&mut random, line));
    let mut transfer = InterruptedTransfer::new(&mut random, line);
    let answer = cut_five_times(&mut transfer, &mut random, without_cuts);
    let digest = hash(&transfer.alice.path("film.mkv"));
    assert_eq!(text(&answer["message"]["file"]["blake3"]), digest);
    let name = stored(&answer);
    assert_eq!(transfer.server().uploads(), [&*name]);
    assert_eq!(hash(&transfer.folder.join(&name)), digest);
    assert_eq!(transfer.server().parts(), Vec::<PathBuf>::new());
}

#[test]
fn a_download_with_five_interruptions_is_the_same_file() {
    let mut random = SeededRandom::of_the_run();
    let line = "download_file film.mkv";
    let without_cuts = bytes_without_cuts(&mut InterruptedTransfer::new(&mut random, line));
    let mut transfer = InterruptedTransfer::new(&mut random, line);
    cut_five_times(&mut transfer, &mut random, without_cuts);
    let landed = transfer.alice.path("download/alice/film.mkv");
    assert_eq!(hash(&landed), hash(&transfer.alice.path("film.mkv")));
    assert_eq!(files_below(&transfer.folder), [landed]);
}
