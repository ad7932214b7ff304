//! Lost files, closed pipes and killed clients in the middle of a command.

use std::process::Stdio;
use std::time::Instant;

use crate::files::sending::{noise, stored};
use crate::harness::{Client, DEADLINE, Server, items, text, texts};

/// A server with a file from alice to herself, and the name of the file.
fn with_a_file(bytes: &[u8]) -> (Server, Client, String) {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.bin", bytes);
    let name = stored(&alice.ok("send_file alice a.bin"));
    (server, alice, name)
}

/// Checks that a download fails without a file, and that the server still works.
#[track_caller]
fn check_no_download(alice: &Client, name: &str) {
    let answers = alice.lines(&[&format!("download_file {name}"), "ls"]);
    assert_eq!(answers[0]["ok"], false, "{}", answers[0]);
    assert_ne!(text(&answers[0]["error"]["message"]), "");
    assert_eq!(answers[1]["ok"], true);
    let landed = crate::harness::files_below(&alice.path("download"));
    assert!(landed.is_empty(), "{landed:?}");
}

#[test]
fn a_download_of_a_removed_stored_file_is_refused() {
    let (server, alice, name) = with_a_file(b"here");
    std::fs::remove_file(server.folder().join("upload").join(&name)).unwrap();
    check_no_download(&alice, &name);
}

#[test]
fn a_download_of_a_changed_stored_file_leaves_no_file() {
    let (server, alice, name) = with_a_file(&noise(100_000));
    let path = server.folder().join("upload").join(&name);
    let mut bytes = noise(100_000);
    bytes[50_000] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    check_no_download(&alice, &name);
}

#[test]
fn a_download_of_a_stored_file_of_another_length_leaves_no_file() {
    let (server, alice, name) = with_a_file(&noise(100_000));
    let path = server.folder().join("upload").join(&name);
    for length in [99_999, 0, 100_001] {
        std::fs::write(&path, noise(length)).unwrap();
        check_no_download(&alice, &name);
    }
}

#[test]
fn a_pipe_is_refused_as_a_file_without_a_wait() {
    let server = Server::start();
    let alice = server.user("alice");
    let made = std::process::Command::new("mkfifo").arg(alice.path("pipe")).status().unwrap();
    assert!(made.success());
    for path in ["pipe", "/dev/zero"] {
        assert_eq!(alice.refused(&format!("send_file alice {path}")), "local_file", "{path}");
    }
}

#[test]
fn messages_that_could_not_be_printed_stay_unread() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.lines(&["send alice 1", "send alice 2"]);
    for arguments in [&["inbox"][..], &["--json", "inbox"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = alice.command();
        command.args(arguments).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped());
        let ended = command.output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert!(!error.contains("panicked"), "{error}");
    }
    let inbox = alice.ok("inbox");
    assert_eq!(texts(&inbox), ["1", "2"]);
    assert_eq!(inbox["messages"][0]["unread"], true);
    assert_eq!(inbox["messages"][1]["unread"], true);
}

#[test]
fn an_upload_of_a_killed_client_can_be_repeated() {
    let server = Server::with(&["--quota", "70000000"]);
    let alice = server.user("alice");
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(64 * 1024 * 1024).unwrap();
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    let upload = server.folder().join("upload");
    let until = Instant::now() + DEADLINE;
    while !crate::failures::crash::has_bytes(&upload) {
        assert!(Instant::now() < until, "nothing of the file arrives");
        std::thread::yield_now();
    }
    talk.interrupt();
    assert_eq!(talk.finish().status, Some(130));
    // The partial file counts against the quota only once.
    loop {
        let answer = alice.lines(&["send_file alice film.mkv"]).remove(0);
        if answer["ok"] == true {
            break;
        }
        assert_eq!(answer["error"]["code"], "quota_exceeded", "{answer}");
        assert!(Instant::now() < until, "the quota is never given back");
    }
    let inbox = alice.ok("inbox");
    assert_eq!(items(&inbox["messages"]).len(), server.uploads().len());
}

#[test]
fn many_clients_with_one_home_folder_do_not_disturb_each_other() {
    let server = Server::start();
    let address = server.address.to_string();
    server.user("alice");
    let home = Client::at(&["--server", &address, "--accept-new"], Some("alice"));
    std::thread::scope(|scope| {
        for number in 0..6 {
            let home = &home;
            scope.spawn(move || home.ok(&format!("send alice {number}")));
        }
    });
    assert_eq!(items(&home.ok("inbox")["messages"]).len(), 6);
}

#[test]
fn a_download_of_a_killed_client_continues_with_its_partial_file() {
    let server = Server::start();
    let alice = server.user("alice");
    let film = std::fs::File::create(alice.path("film.mkv")).unwrap();
    film.set_len(256 * 1024 * 1024).unwrap();
    let mut talk = alice.talk();
    talk.ok("send_file alice film.mkv");
    talk.tell("download_file film.mkv");
    let folder = alice.path("download");
    let until = Instant::now() + DEADLINE;
    while !crate::failures::crash::has_bytes(&folder) {
        assert!(Instant::now() < until, "nothing of the file arrives");
        std::thread::yield_now();
    }
    talk.interrupt();
    assert_eq!(talk.finish().status, Some(130));
    let left = crate::harness::files_below(&folder);
    let [part] = left.as_slice() else { panic!("{left:?}") };
    assert!(part.file_name().unwrap().to_str().unwrap().starts_with(".part-"), "{left:?}");
    alice.ok("download_file film.mkv");
    assert_eq!(crate::harness::files_below(&folder), [folder.join("alice/film.mkv")]);
}
