//! Files to users and groups: sent, stored, and downloaded.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::harness::{Client, Server, hash, keys, text};

/// Bytes that do not repeat, so that no exchanged block stays unnoticed.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(b"noise").finalize_xof().fill(&mut bytes);
    bytes
}

/// The path of a download.
#[track_caller]
pub(crate) fn landed(client: &Client, answer: &Value) -> PathBuf {
    client.path(text(&answer["path"]))
}

/// The stored name of a sent file.
#[track_caller]
pub(crate) fn stored(answer: &Value) -> String {
    text(&answer["message"]["file"]["name"]).to_owned()
}

#[track_caller]
fn check_milliseconds(stored: &str, original: &str) {
    let (time, name) = stored.split_once('_').unwrap();
    let time: u128 = time.parse().unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let age = now.as_millis().abs_diff(time);
    assert!(age < 300_000, "{stored} is {age} ms from now");
    assert_eq!(name, original);
}

#[test]
fn a_file_is_sent_from_one_user_to_another() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let bytes = noise(12_345);
    alice.write("report.pdf", &bytes);

    let sent = alice.ok("send_file bob report.pdf");

    assert_eq!(keys(&sent), ["command", "message", "ok"]);
    let message = &sent["message"];
    assert_eq!(keys(message), ["at", "file", "from", "id", "to", "unread"]);
    let file = &message["file"];
    assert_eq!(keys(file), ["blake3", "name", "original", "size"]);
    assert_eq!(file["original"], "report.pdf");
    assert_eq!(file["size"], 12_345);
    assert_eq!(text(&file["blake3"]), blake3::hash(&bytes).to_hex().as_str());
    check_milliseconds(text(&file["name"]), "report.pdf");
    assert_eq!(server.uploads(), [text(&file["name"])]);
    assert_eq!(hash(&server.folder().join("upload").join(text(&file["name"]))), file["blake3"]);

    let inbox = bob.ok("inbox");
    assert_eq!(inbox["messages"][0]["file"], *file);
    assert_eq!(inbox["messages"][0]["id"], message["id"]);

    let fetched = bob.ok(&format!("download_file {}", text(&file["name"])));
    assert_eq!(keys(&fetched), ["command", "file", "ok", "path"]);
    assert_eq!(fetched["file"], *file);
    let path = landed(&bob, &fetched);
    assert_eq!(path, bob.path("download/bob/report.pdf"));
    assert_eq!(std::fs::read(path).unwrap(), bytes);
}

#[test]
fn a_file_is_sent_to_a_group() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("results.csv", b"1,2,3");
    let answers = alice.lines(&["mkgr lab", "sendgroup_file lab results.csv"]);
    let message = &answers[1]["message"];
    assert_eq!(keys(message), ["at", "file", "from", "group", "id", "unread"]);
    bob.ok("join lab");
    let inbox = bob.ok("inboxgroup lab");
    assert_eq!(inbox["messages"][0]["file"], message["file"]);
    let fetched = bob.ok("downloadgroup_file lab results.csv");
    assert_eq!(keys(&fetched), ["command", "file", "ok", "path"]);
    let path = landed(&bob, &fetched);
    assert_eq!(path, bob.path("downloadgroup/bob/results.csv"));
    assert_eq!(std::fs::read(path).unwrap(), b"1,2,3");
    // A file in a group is in no inbox.
    assert_eq!(bob.refused("download_file results.csv"), "file_not_found");
}

#[test]
fn a_download_never_replaces_a_file() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("notes.tar.gz", b"new");
    let name = stored(&alice.ok("send_file alice notes.tar.gz"));
    std::fs::create_dir_all(alice.path("download/alice")).unwrap();
    std::fs::write(alice.path("download/alice/notes.tar.gz"), b"mine").unwrap();
    let line = format!("download_file {name}");
    let fetched = alice.ok(&line);
    assert_eq!(landed(&alice, &fetched), alice.path("download/alice/notes (1).tar.gz"));
    std::fs::write(alice.path("download/alice/notes (1).tar.gz"), b"old").unwrap();
    let fetched = alice.ok(&line);
    assert_eq!(landed(&alice, &fetched), alice.path("download/alice/notes (2).tar.gz"));
    assert_eq!(std::fs::read(alice.path("download/alice/notes.tar.gz")).unwrap(), b"mine");
    assert_eq!(std::fs::read(alice.path("download/alice/notes (1).tar.gz")).unwrap(), b"old");
    assert_eq!(std::fs::read(alice.path("download/alice/notes (2).tar.gz")).unwrap(), b"new");
}

#[test]
fn an_existing_download_with_the_same_bytes_is_not_fetched_again() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.lines(&["mkgr lab"]);
    alice.write("a.txt", b"the same");
    let name = stored(&alice.ok("send_file alice a.txt"));
    let in_group = stored(&alice.ok("sendgroup_file lab a.txt"));
    for (line, path) in [
        (format!("download_file {name}"), "download/alice/a.txt"),
        (format!("downloadgroup_file lab {in_group}"), "downloadgroup/alice/a.txt"),
    ] {
        let fetched = alice.ok(&line);
        assert_eq!(keys(&fetched), ["command", "file", "ok", "path"]);
        let again = alice.ok(&line);
        assert_eq!((&again["path"], &again["was_here"]), (&path.into(), &true.into()));
        let words: Vec<_> = line.split(' ').collect();
        let said = alice.run(&words).output;
        assert_eq!(said, format!("already there: {path} (8 B)\n"));
    }
    // A numbered copy is found too, and a changed copy is not taken for the file.
    std::fs::rename(alice.path("download/alice/a.txt"), alice.path("download/alice/a (1).txt"))
        .unwrap();
    alice.write("download/alice/a.txt", b"mine now");
    let again = alice.ok(&format!("download_file {name}"));
    assert_eq!(again["path"], "download/alice/a (1).txt");
    std::fs::remove_file(alice.path("download/alice/a (1).txt")).unwrap();
    let line = format!("download_file {name}");
    let fetched = alice.ok(&line);
    assert_eq!(keys(&fetched), ["command", "file", "ok", "path"]);
    assert_eq!(fetched["path"], "download/alice/a (1).txt");
}

#[test]
fn an_empty_file_can_be_sent() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("empty", b"");
    let sent = alice.ok("send_file alice empty");
    assert_eq!(sent["message"]["file"]["size"], 0);
    assert_eq!(text(&sent["message"]["file"]["blake3"]), blake3::hash(b"").to_hex().as_str());
    let fetched = alice.ok("download_file empty");
    assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), b"");
}

#[test]
fn a_file_of_twenty_mebibytes_arrives_complete() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let bytes = noise(20 * 1024 * 1024 + 1);
    alice.write("film.mkv", &bytes);
    let sent = alice.ok("send_file bob film.mkv");
    assert_eq!(sent["message"]["file"]["size"], bytes.len());
    let fetched = bob.ok("download_file film.mkv");
    assert!(std::fs::read(landed(&bob, &fetched)).unwrap() == bytes, "the bytes differ");
}

#[test]
fn a_sender_can_download_their_own_file() {
    let server = Server::start();
    let alice = server.user("alice");
    let _bob = server.user("bob");
    alice.write("mine.txt", b"mine");
    let name = stored(&alice.ok("send_file bob mine.txt"));
    for name in [name.as_str(), "mine.txt"] {
        let fetched = alice.ok(&format!("download_file {name}"));
        assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), b"mine");
    }
}

#[test]
fn a_file_can_be_sent_from_any_folder() {
    let server = Server::start();
    let alice = server.user("alice");
    std::fs::create_dir(alice.path("my folder")).unwrap();
    alice.write("my folder/a file.txt", b"spaced");
    let absolute = alice.path("my folder/a file.txt");
    let home = alice.home().join("home/home/at home.txt");
    std::fs::write(&home, b"home").unwrap();
    let check = |line: &str, original: &str| {
        let sent = alice.ok(line);
        assert_eq!(sent["message"]["file"]["original"], original, "{line}");
    };
    check("send_file alice my folder/a file.txt", "a file.txt");
    check("send_file alice \"my folder/a file.txt\"", "a file.txt");
    check(&format!("send_file alice {}", absolute.display()), "a file.txt");
    check("send_file alice ~/at home.txt", "at home.txt");
    check("send_file alice ./my folder/../my folder/a file.txt", "a file.txt");
}

#[test]
fn a_sent_file_keeps_its_bytes_after_the_original_is_removed() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("once.txt", b"first");
    let first = stored(&alice.ok("send_file alice once.txt"));
    alice.write("once.txt", b"second");
    let second = stored(&alice.ok("send_file alice once.txt"));
    assert_ne!(first, second);
    std::fs::remove_file(alice.path("once.txt")).unwrap();
    for (name, bytes) in [(first, b"first".as_slice()), (second, b"second")] {
        let fetched = alice.ok(&format!("download_file {name}"));
        assert_eq!(std::fs::read(landed(&alice, &fetched)).unwrap(), bytes);
    }
}

#[test]
fn no_partial_file_is_left_after_a_transfer() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.bin", &noise(300_000));
    alice.lines(&["send_file alice a.bin", "download_file a.bin"]);
    let names = |folder: &Path| {
        crate::harness::files_below(folder)
            .iter()
            .map(|file| file.file_name().unwrap().to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&alice.path("download")), ["a.bin"]);
    assert_eq!(server.uploads().len(), 1);
}

#[test]
fn an_executable_file_stays_executable_for_its_owner_and_writable_for_nobody_else() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    std::fs::create_dir(alice.path("p")).unwrap();
    for (name, mode) in
        [("run.sh", 0o755), ("p/odd", 0o6777), ("p/plain", 0o666), ("p/group", 0o654)]
    {
        alice.write(name, name.as_bytes());
        std::fs::set_permissions(alice.path(name), Permissions::from_mode(mode)).unwrap();
    }
    let sent = alice.ok("send_file bob run.sh");
    let file = &sent["message"]["file"];
    assert_eq!(keys(file), ["blake3", "executable", "name", "original", "size"]);
    assert_eq!((&file["original"], &file["executable"]), (&"run.sh".into(), &true.into()));
    alice.ok("send_file bob p");
    // A stored file is executable for nobody.
    for name in server.uploads() {
        let stored = server.folder().join("upload").join(name);
        assert_eq!(stored.metadata().unwrap().permissions().mode() & 0o7777, 0o600);
    }
    bob.lines(&["download_file run.sh", "download_file p/"]);
    for (name, is_executable) in
        [("run.sh", true), ("p/odd", true), ("p/plain", false), ("p/group", false)]
    {
        let path = bob.path("download/bob").join(name);
        let mode = path.metadata().unwrap().permissions().mode();
        let bits = if is_executable { 0o100 } else { 0 };
        assert_eq!(mode & 0o7133, bits, "{name}: {mode:o}");
    }
}
