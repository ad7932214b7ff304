//! Downloads onto a disk without enough free space. Only root may mount such a disk; for other users the
//! tests say that they were skipped.

use std::path::PathBuf;

use crate::files::resume::{film, part_with, slow_path, user_behind};
use crate::files::sending::noise;
use crate::harness::{Client, Server, SmallDisk, files_below, text};

const MEBIBYTE: usize = 1024 * 1024;

/// Bob, whose download folder is on a small disk, and a film from alice.
fn bob_with_a_film(server: &Server, disk: &SmallDisk, bytes: usize) -> Client {
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("film.mkv", &noise(bytes));
    alice.ok("send_file bob film.mkv");
    std::os::unix::fs::symlink(disk.path(""), bob.path("download")).unwrap();
    bob
}

#[track_caller]
fn check_refused(bob: &Client) -> String {
    let answer = bob.lines(&["download_file film.mkv"]).remove(0);
    assert_eq!(answer["error"]["code"], "local_file", "{answer}");
    text(&answer["error"]["message"]).to_owned()
}

#[test]
fn a_download_that_does_not_fit_is_refused_before_any_byte_arrives() {
    let Some(disk) = SmallDisk::mount(4 * 1024 * 1024) else { return };
    let server = Server::start();
    let bob = bob_with_a_film(&server, &disk, 6 * MEBIBYTE);
    let message = check_refused(&bob);
    assert!(message.starts_with("download/bob: has no room for that: 6291456 bytes"), "{message}");
    assert_eq!(files_below(&disk.path("")), Vec::<PathBuf>::new());
}

#[test]
fn a_partial_file_of_an_earlier_download_is_named_and_completed_after_space_is_freed() {
    let Some(disk) = SmallDisk::mount(8 * 1024 * 1024) else { return };
    let server = Server::start();
    let bob = bob_with_a_film(&server, &disk, 6 * MEBIBYTE);
    bob.ok("download_file film.mkv");
    let whole = disk.path("bob/film.mkv");
    let name = text(&bob.ok("inbox --limit 1")["messages"][0]["file"]["name"]).to_owned();
    let part = disk.path("bob").join(format!(".part-{name}"));
    std::fs::rename(whole, &part).unwrap();
    std::fs::File::options().write(true).open(&part).unwrap().set_len(2 << 20).unwrap();
    let filler = disk.filler();
    filler.take_all();
    let message = check_refused(&bob);
    let named = format!(
        "4194304 bytes are still to come, and 0 are free; what has come of it is kept in download/bob/.part-{name}"
    );
    assert!(message.contains(&named), "{message}");
    drop(filler);
    bob.ok("download_file film.mkv");
    assert_eq!(std::fs::read(disk.path("bob/film.mkv")).unwrap(), noise(6 * MEBIBYTE));
}

#[test]
fn a_disk_that_fills_up_during_a_download_keeps_the_partial_file_and_names_it() {
    let Some(disk) = SmallDisk::mount(64 * 1024 * 1024) else { return };
    let server = Server::start();
    let path = slow_path(&server);
    let (alice, bob) = (server.user("alice"), user_behind(&path, &server, "bob"));
    alice.write("film.mkv", &film());
    alice.ok("send_file bob film.mkv");
    std::fs::create_dir(disk.path("bob")).unwrap();
    std::os::unix::fs::symlink(disk.path(""), bob.path("download")).unwrap();
    let mut talk = bob.talk();
    talk.ok("ls");
    talk.tell("download_file film.mkv");
    let part = part_with(&disk.path("bob"), 3);
    let filler = disk.filler();
    filler.take_all();
    let answer = talk.answer().unwrap();
    assert_eq!(answer["error"]["code"], "local_file", "{answer}");
    let message = text(&answer["error"]["message"]);
    let place = format!("download/bob/{}: the disk is full", part.file_name().unwrap().display());
    assert!(message.starts_with(&place), "{message}");
    drop(filler);
    talk.ok("download_file film.mkv");
    assert_eq!(std::fs::read(disk.path("bob/film.mkv")).unwrap(), film());
}

#[test]
fn a_folder_that_does_not_fit_is_refused_before_its_first_file_and_existing_files_count() {
    let Some(disk) = SmallDisk::mount(4 * 1024 * 1024) else { return };
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    std::fs::create_dir(alice.path("p")).unwrap();
    for name in ["p/a", "p/b", "p/c"] {
        alice.write(name, &noise(2 * MEBIBYTE - 100_000));
    }
    alice.ok("send_file bob p");
    std::os::unix::fs::symlink(disk.path(""), bob.path("download")).unwrap();
    let answer = bob.lines(&["download_file p/"]).remove(0);
    assert_eq!(answer["error"]["code"], "local_file", "{answer}");
    let message = text(&answer["error"]["message"]);
    assert!(message.starts_with("download/bob: has no room for that: 5991456 bytes"), "{message}");
    assert_eq!(files_below(&disk.path("")), Vec::<PathBuf>::new());
    bob.ok("download_file p/a");
    bob.ok("download_file p/b");
    // Two of the files exist here, and the last one does not fit.
    let answer = bob.lines(&["download_file p/"]).remove(0);
    let message = text(&answer["error"]["message"]);
    assert!(message.starts_with("download/bob: has no room for that: 1997152 bytes"), "{message}");
}
