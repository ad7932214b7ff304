//! Interrupted uploads and downloads, which continue from their partial files.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path as FilePath, PathBuf};
use std::time::{Duration, SystemTime};

use crate::files::sending::{landed, noise, stored};
use crate::harness::{
    Client, NetworkFaults, SeededRandom, Server, Talk, UdpRelay, files_below, hash, items, text,
    until,
};

const BLOCK: u64 = 1 << 20;

/// The number of blocks of each film. The last block is short.
const BLOCKS: u64 = 24;

/// The bytes of a film.
pub(crate) fn film() -> Vec<u8> {
    noise(usize::try_from((BLOCKS - 1) * BLOCK + 5).unwrap())
}

/// A path that is slow enough to interrupt a transfer.
pub(crate) fn slow_path(server: &Server) -> UdpRelay {
    let faults = NetworkFaults { delay_milliseconds: 5..6, ..NetworkFaults::NONE };
    UdpRelay::with_faults(server.address, faults, SeededRandom::new(1))
}

/// A user behind a relay.
pub(crate) fn user_behind(relay: &UdpRelay, server: &Server, name: &str) -> Client {
    let address = relay.address.to_string();
    server.user(name).pointed_at(&["--server", &address, "--fingerprint", &server.fingerprint])
}

/// The partial files below a folder.
fn parts(folder: &FilePath) -> Vec<PathBuf> {
    let is_part = |file: &PathBuf| {
        file.file_name().is_some_and(|name| name.to_str().unwrap().starts_with(".part-"))
    };
    files_below(folder).into_iter().filter(is_part).collect()
}

/// Waits until a partial file below the folder has this many blocks, and returns the file.
#[track_caller]
pub(crate) fn part_with(folder: &FilePath, blocks: u64) -> PathBuf {
    let mut found = None;
    until("a part of the file lies there", || {
        found = parts(folder).into_iter().find(|part| blocks_in(part) >= blocks);
        found.is_some()
    });
    found.unwrap()
}

/// The number of whole blocks in a file.
fn blocks_in(part: &FilePath) -> u64 {
    part.metadata().map_or(0, |metadata| metadata.len() / BLOCK)
}

/// A number in a line of the log.
#[track_caller]
fn number(line: &str, name: &str) -> u64 {
    let (_, rest) = line.split_once(&format!(" {name}=")).unwrap_or_else(|| panic!("{line}"));
    rest.split(' ').next().unwrap().parse().unwrap()
}

/// The numbers that the server logs at the end of an upload: the blocks that it had, and the blocks that
/// arrived.
#[track_caller]
fn came(server: &mut Server) -> (u64, u64) {
    let line = server.logged("blocks of a file have come");
    (number(&line, "kept"), number(&line, "came"))
}

/// The number of blocks that the server sent for a download.
#[track_caller]
fn went(server: &mut Server) -> u64 {
    number(&server.logged("blocks of a file have gone"), "went")
}

fn flip(path: &FilePath, place: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], place).unwrap();
}

/// A server, and alice with a running upload of a film.
pub(crate) fn upload_under_way(arguments: &[&str]) -> (Server, Client, Talk) {
    let server = Server::talkative(arguments);
    let relay = slow_path(&server);
    let alice = user_behind(&relay, &server, "alice");
    alice.write("film.mkv", &film());
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    part_with(&server.folder().join("upload"), 3);
    // The relay must live as long as its client.
    std::mem::forget(relay);
    (server, alice, talk)
}

/// Checks that the server has this one complete file, and no partial file.
#[track_caller]
pub(crate) fn check_stored(server: &Server, alice: &Client, bytes: &[u8]) {
    let messages = alice.ok("inbox");
    let [message] = items(&messages["messages"]) else { panic!("{messages}") };
    let digest = blake3::hash(bytes).to_hex();
    assert_eq!(text(&message["file"]["blake3"]), digest.as_str());
    let name = text(&message["file"]["name"]);
    assert_eq!(hash(&server.folder().join("upload").join(name)), digest.as_str());
    assert_eq!(server.uploads(), [name]);
    assert_eq!(server.parts(), Vec::<PathBuf>::new());
}

#[test]
fn an_upload_continues_after_the_client_was_killed() {
    let (mut server, alice, talk) = upload_under_way(&[]);
    talk.kill();
    let seen = blocks_in(&server.parts()[0]);
    alice.ok("send_file alice film.mkv");
    let (_, before) = came(&mut server);
    let (kept, rest) = came(&mut server);
    assert!(before >= seen, "{before} came, and {seen} lay there");
    // Every block that arrived completely was sent once.
    assert_eq!((kept, rest), (before, BLOCKS - before));
    check_stored(&server, &alice, &film());
}

#[test]
fn an_upload_continues_by_itself_after_the_server_was_killed() {
    let (server, alice, mut talk) = upload_under_way(&[]);
    let upload = server.folder().join("upload");
    let stopped = server.kill9();
    let kept = blocks_in(&parts(&upload)[0]);
    let mut server = stopped.start();
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    assert_eq!(came(&mut server), (kept, BLOCKS - kept));
    check_stored(&server, &alice, &film());
}

#[test]
fn only_the_damaged_block_of_the_servers_partial_file_is_sent_again() {
    let (server, alice, talk) = upload_under_way(&[]);
    talk.kill();
    let stopped = server.kill9();
    let part = parts(&stopped.folder.path().join("upload")).remove(0);
    let kept = blocks_in(&part);
    flip(&part, BLOCK + 77);
    let mut server = stopped.start();
    alice.ok("send_file alice film.mkv");
    assert_eq!(came(&mut server), (kept, BLOCKS - kept + 1));
    check_stored(&server, &alice, &film());
}

#[test]
fn a_file_that_was_changed_between_two_attempts_arrives_with_its_last_content() {
    let mut other = film();
    other[5] ^= 1;
    let changes: [(Vec<u8>, u64); 4] = [
        (other, 1),
        (film()[..usize::try_from(2 * BLOCK + 9).unwrap()].to_vec(), 0),
        ([film(), noise(2 * 1024 * 1024)].concat(), 0),
        (Vec::new(), 0),
    ];
    for (bytes, again) in changes {
        let (server, alice, talk) = upload_under_way(&[]);
        talk.kill();
        let stopped = server.kill9();
        let lay = parts(&stopped.folder.path().join("upload"))[0].metadata().unwrap().len();
        let mut server = stopped.start();
        alice.write("film.mkv", &bytes);
        alice.ok("send_file alice film.mkv");
        let size = u64::try_from(bytes.len()).unwrap();
        let blocks = size.div_ceil(BLOCK);
        let kept = if lay >= size { blocks } else { lay / BLOCK };
        assert_eq!(came(&mut server), (kept, blocks - kept + again), "{size} bytes");
        check_stored(&server, &alice, &bytes);
    }
}

#[test]
fn an_upload_whose_answer_was_lost_with_its_client_is_one_message() {
    let server = Server::start();
    let relay = UdpRelay::to(server.address);
    let alice = user_behind(&relay, &server, "alice");
    let bob = server.user("bob");
    alice.write("a.txt", b"once");
    let mut talk = alice.talk();
    talk.ok("ls");
    relay.lose_answers();
    talk.tell("send_file bob a.txt");
    // The handshake of the transfer needs answers, which pass until the upload runs.
    relay.mend();
    until("the message is stored", || items(&bob.ok("inbox")["messages"]).len() == 1);
    talk.kill();
    drop(talk);
    let said = alice.ok("send_file bob a.txt");
    let shown = bob.ok("inbox");
    let count = items(&shown["messages"]).len();
    // If the upload was answered before the kill, this is a new message; otherwise it is the same one.
    let last = &items(&shown["messages"])[count - 1];
    assert_eq!(said["message"]["id"], last["id"]);
    assert!(count <= 2);
    assert_eq!(server.uploads().len(), count);
}

#[test]
fn the_same_file_sent_twice_is_two_messages() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("film.mkv", &film());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| alice.ok("send_file alice film.mkv"));
        }
    });
    alice.ok("send_file alice film.mkv");
    assert_eq!(items(&alice.ok("inbox")["messages"]).len(), 3);
    assert_eq!((server.uploads().len(), server.parts().len()), (3, 0));
    let notes = files_below(alice.home()).into_iter();
    let notes = notes.filter(|file| file.iter().any(|part| part == "uploads"));
    assert_eq!(notes.count(), 0, "every upload was answered");
}

#[test]
fn an_unfinished_upload_counts_against_the_quota_and_is_removed_for_a_new_one() {
    let size = (film().len() + 5 * (1 << 20)).to_string();
    let (server, alice, talk) = upload_under_way(&["--quota", &size]);
    talk.kill();
    let stopped = server.kill9();
    let part = parts(&stopped.folder.path().join("upload")).remove(0);
    let lay = usize::try_from(part.metadata().unwrap().len()).unwrap();
    let server = stopped.start();
    alice.write("fits.bin", &noise(4 << 20));
    alice.ok("send_file alice fits.bin");
    assert_eq!(server.parts(), std::slice::from_ref(&part));
    // The file no longer fits beside the bytes of the partial file.
    alice.write("large.bin", &noise(film().len() + (1 << 20) - lay + 1));
    alice.ok("send_file alice large.bin");
    assert_eq!(server.parts(), Vec::<PathBuf>::new());
    assert_eq!(alice.refused("send_file alice film.mkv"), "quota_exceeded");
}

#[test]
fn an_upload_that_is_not_continued_is_removed() {
    let (server, alice, talk) = upload_under_way(&["--keep-unfinished", "1h"]);
    talk.kill();
    let stopped = server.kill9();
    let upload = stopped.folder.path().join("upload");
    let part = parts(&upload).remove(0);
    let unknown = upload.join(".part-unknown");
    std::fs::write(&unknown, "of nobody").unwrap();
    let touch = |path: &FilePath, minutes: u64| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(60 * minutes)).unwrap();
    };
    touch(&unknown, 70);
    touch(&part, 50);
    let server = stopped.start();
    alice.ok("ls");
    assert_eq!(server.parts(), std::slice::from_ref(&part));
    let stopped = server.terminate();
    touch(&part, 70);
    let server = stopped.start();
    alice.ok("ls");
    assert_eq!(server.parts(), Vec::<PathBuf>::new());
    alice.ok("send_file alice film.mkv");
    check_stored(&server, &alice, &film());
}

/// A server with a film, and alice with a running download of it.
fn download_under_way() -> (Server, Client, Talk, PathBuf) {
    let server = Server::talkative(&[]);
    let relay = slow_path(&server);
    let alice = server.user("alice");
    alice.write("film.mkv", &film());
    alice.ok("send_file alice film.mkv");
    let address = relay.address.to_string();
    let alice = alice.pointed_at(&["--server", &address, "--fingerprint", &server.fingerprint]);
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("download_file film.mkv");
    let part = part_with(&alice.path("download"), 3);
    std::mem::forget(relay);
    (server, alice, talk, part)
}

/// Checks that the film is complete, and that there is no partial file.
#[track_caller]
fn check_landed(alice: &Client) {
    let path = alice.path("download/alice/film.mkv");
    assert_eq!(hash(&path), blake3::hash(&film()).to_hex().as_str());
    assert_eq!(files_below(&alice.path("download")), [path]);
}

#[test]
fn a_download_continues_after_the_client_was_killed() {
    let (mut server, alice, talk, part) = download_under_way();
    talk.kill();
    drop(talk);
    let lay = blocks_in(&part);
    alice.ok("download_file film.mkv");
    assert_eq!(went(&mut server), BLOCKS - lay);
    check_landed(&alice);
}

#[test]
fn a_download_continues_by_itself_after_the_server_was_killed() {
    let (server, alice, mut talk, part) = download_under_way();
    let stopped = server.kill9();
    let lay = blocks_in(&part);
    let mut server = stopped.start();
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    // Blocks that were already sent may still have arrived.
    assert!(went(&mut server) <= BLOCKS - lay);
    check_landed(&alice);
}

#[test]
fn a_download_continues_by_itself_after_a_cut_path() {
    let server = Server::talkative(&[]);
    let relay = slow_path(&server);
    let alice = user_behind(&relay, &server, "alice");
    alice.write("film.mkv", &film());
    let mut talk = alice.talk();
    talk.ok("send_file alice film.mkv");
    talk.tell("download_file film.mkv");
    let part = part_with(&alice.path("download"), 3);
    relay.cut();
    let word = talk.error_line().expect("a word about the link");
    assert!(word.contains("trying again"), "{word}");
    let lay = blocks_in(&part);
    relay.mend();
    assert_eq!(talk.answer().expect("an answer")["ok"], true);
    let mut server = server;
    assert_eq!(went(&mut server), BLOCKS - lay);
    check_landed(&alice);
}

#[test]
fn only_the_damaged_block_of_a_downloads_partial_file_is_fetched_again_and_is_named() {
    let (mut server, alice, talk, part) = download_under_way();
    talk.kill();
    drop(talk);
    let lay = blocks_in(&part);
    flip(&part, 2 * BLOCK);
    let ended = alice.run(&["download_file", "film.mkv"]);
    assert_eq!(ended.status, Some(0), "{ended:?}");
    assert!(ended.error.contains("block 2 "), "{ended:?}");
    assert_eq!(went(&mut server), BLOCKS - lay + 1);
    check_landed(&alice);
}

#[test]
fn a_flipped_byte_on_the_servers_disk_is_named_and_never_delivered() {
    let mut server = Server::talkative(&[]);
    let alice = server.user("alice");
    alice.write("film.mkv", &film());
    let name = stored(&alice.ok("send_file alice film.mkv"));
    let path = server.folder().join("upload").join(&name);
    flip(&path, 7 * BLOCK + 123);
    for tries in 0..2 {
        let answer = alice.lines(&["download_file film.mkv", "ls"]).remove(0);
        assert_eq!(answer["error"]["code"], "file_damaged", "{answer}");
        let message = text(&answer["error"]["message"]);
        assert!(message.contains("block 7 ") && message.contains(&name), "{message}");
        let logged = server.logged("a stored file is damaged");
        assert!(logged.contains(&name) && logged.contains("block=7"), "{logged}");
        assert_eq!(went(&mut server), if tries == 0 { BLOCKS - 1 } else { 0 });
        assert_eq!(files_below(&alice.path("download")), parts(&alice.path("download")));
    }
    // After the file is restored from a backup, only this block is fetched.
    flip(&path, 7 * BLOCK + 123);
    let fetched = alice.ok("download_file film.mkv");
    assert_eq!(landed(&alice, &fetched), alice.path("download/alice/film.mkv"));
    assert_eq!(went(&mut server), 1);
    check_landed(&alice);
}

#[test]
fn two_concurrent_downloads_of_a_file_are_both_complete() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("film.mkv", &film());
    alice.ok("send_file alice film.mkv");
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| alice.ok("download_file film.mkv"));
        }
    });
    let files = files_below(&alice.path("download"));
    let digest = blake3::hash(&film()).to_hex();
    assert_eq!(files.len(), 3, "{files:?}");
    assert!(files.iter().all(|file| hash(file) == digest.as_str()));
}
