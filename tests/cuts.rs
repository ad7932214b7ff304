//! A large file that is cut five times anywhere: the link three times, and each side killed once.

use std::path::PathBuf;

use crate::files::stored;
use crate::harness::{Client, Dice, Path, Server, Talk, Weather, files_below, hash, text};

const BLOCK: u64 = 1 << 20;

/// How many bytes of the file a datagram carries at the least, in thousandths: what is left is
/// encryption, headers and acknowledgements.
const CARRIED_MIN: u64 = 940;

/// What a cut may cost: the block that was coming, and a window of what was on its way to somebody who is
/// killed.
const BLOCKS_PER_CUT: u64 = 2;

#[derive(Debug, Clone, Copy)]
enum Cut {
    Link,
    Sender,
    Receiver,
}

/// How many blocks the file has: `QCHAT_CUT_MEBIBYTES`, or few.
fn blocks() -> u64 {
    std::env::var("QCHAT_CUT_MEBIBYTES").map_or(40, |count| count.parse().unwrap())
}

/// Five cuts in any order, each with the byte after which it happens.
fn cuts(dice: &mut Dice, bytes: u64) -> Vec<(u64, Cut)> {
    let mut kinds = vec![Cut::Link, Cut::Link, Cut::Link, Cut::Sender, Cut::Receiver];
    let mut cuts = Vec::new();
    let stretch = bytes / 6;
    for number in 1_u64..=5 {
        let chosen = dice.below(kinds.len().try_into().unwrap());
        let kind = kinds.swap_remove(chosen.try_into().unwrap());
        cuts.push((number * stretch - dice.below(stretch / 2), kind));
    }
    cuts
}

/// A transfer that is under way, and goes on whatever happens to it.
struct Stage {
    server: Option<Server>,
    path: Path,
    alice: Client,
    talk: Talk,
    line: &'static str,
    /// Where its part lies.
    folder: PathBuf,
}

impl Stage {
    /// Alice behind a path that is slow enough to be cut in the middle.
    fn new(dice: &mut Dice, line: &'static str) -> Self {
        let server = Server::start();
        let weather = Weather { delay_milliseconds: 5..6, ..Weather::CLEAR };
        let path = Path::in_weather(server.address, weather, dice.split());
        let alice = server.user("alice");
        let address = path.address.to_string();
        let behind = ["--server", &address, "--fingerprint", &server.fingerprint];
        let alice = alice.pointed_at(&behind);
        write_film(&alice, blocks());
        let folder = server.folder().join("upload");
        let talk = alice.talk();
        Self { server: Some(server), path, alice, talk, line, folder }
    }

    fn begin(&mut self) {
        self.talk.ok("ls");
        self.talk.tell(self.line);
    }

    fn cut(&mut self, carried: u64, cut: Cut) {
        self.path.wait_until_carried(carried);
        match cut {
            Cut::Link => {
                self.path.cut();
                self.hear_of_the_loss();
                self.path.mend();
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

/// Writes a film of so many blocks that do not repeat, a block at a time.
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

/// Cuts the transfer five times, and checks how much travelled.
fn cut_five_times(stage: &mut Stage, dice: &mut Dice) -> serde_json::Value {
    let file = blocks() * BLOCK;
    let before = stage.path.carried();
    stage.begin();
    for (bytes, cut) in cuts(dice, file) {
        println!("{cut:?} after {bytes} of {file} bytes");
        stage.cut(before + bytes, cut);
    }
    let answer = stage.talk.answer().expect("an answer");
    assert_eq!(answer["ok"], true, "{answer}");
    let carried = stage.path.carried() - before;
    println!("{carried} bytes carried for {file} of the file");
    assert!(carried >= file, "{carried}");
    assert!(carried * CARRIED_MIN / 1000 <= file + 5 * BLOCKS_PER_CUT * BLOCK, "{carried}");
    answer
}

#[test]
fn an_upload_that_is_cut_five_times_is_the_same_file() {
    let mut dice = Dice::of_the_run();
    let mut stage = Stage::new(&mut dice, "send_file alice film.mkv");
    let answer = cut_five_times(&mut stage, &mut dice);
    let digest = hash(&stage.alice.path("film.mkv"));
    assert_eq!(text(&answer["message"]["file"]["blake3"]), digest);
    let name = stored(&answer);
    assert_eq!(stage.server().uploads(), [&*name]);
    assert_eq!(hash(&stage.folder.join(&name)), digest);
    assert_eq!(stage.server().parts(), Vec::<PathBuf>::new());
}

#[test]
fn a_download_that_is_cut_five_times_is_the_same_file() {
    let mut dice = Dice::of_the_run();
    let mut stage = Stage::new(&mut dice, "download_file film.mkv");
    stage.alice.ok("send_file alice film.mkv");
    stage.folder = stage.alice.path("download");
    cut_five_times(&mut stage, &mut dice);
    let landed = stage.alice.path("download/alice/film.mkv");
    assert_eq!(hash(&landed), hash(&stage.alice.path("film.mkv")));
    assert_eq!(files_below(&stage.folder), [landed]);
}
