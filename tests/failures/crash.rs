//! Acknowledged changes survive a stop and a kill of the server.

use crate::files::sending::{landed, noise, stored};
use crate::harness::{Server, items, text, texts};

#[test]
fn everything_is_there_after_a_restart() {
    check_restart(|server| server.terminate().start());
}

#[test]
fn everything_is_there_after_the_server_was_killed() {
    check_restart(|server| server.kill9().start());
}

/// Fills a server, stops and starts it again, and checks all data.
#[track_caller]
fn check_restart(restart: impl Fn(Server) -> Server) {
    let server = Server::start();
    let fingerprint = server.fingerprint.clone();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("a.bin", &noise(100_000));
    let sent = alice.lines(&[
        "send bob before",
        "mkgr lab",
        "sendgroup lab before",
        "send_file bob a.bin",
        "sendgroup_file lab a.bin",
        "send alice note",
        "inbox",
    ]);
    bob.ok("join lab");

    let server = restart(server);

    assert_eq!(server.fingerprint, fingerprint);
    let inbox = bob.ok("inbox");
    assert_eq!(inbox["messages"][0]["text"], "before");
    assert_eq!(inbox["messages"][0]["id"], sent[0]["message"]["id"]);
    assert_eq!(inbox["messages"][1]["file"], sent[3]["message"]["file"]);
    let group = bob.ok("inboxgroup lab");
    assert_eq!(items(&group["messages"]).len(), 2);
    let fetched = bob.ok(&format!("downloadgroup_file lab {}", stored(&sent[4])));
    assert_eq!(std::fs::read(landed(&bob, &fetched)).unwrap(), noise(100_000));
    // Read markers, memberships and sequence numbers are kept.
    assert_eq!(texts(&alice.ok("inbox --unread")), Vec::<&str>::new());
    assert_eq!(alice.ok("ls_group")["groups"][0]["members"], 2);
    let next = alice.ok("send bob after");
    assert_eq!(text(&next["message"]["id"]), "@bob:3");
    assert_eq!(alice.refused("mkgr lab"), "group_exists");
}

#[test]
fn a_stopping_server_tells_its_clients() {
    let server = Server::start();
    let mut alice = server.user("alice").talk();
    alice.ok("send alice hi");
    let stopped = server.terminate();
    drop(alice);
    let server = stopped.start();
    assert_eq!(texts(&server.client_of("alice").ok("inbox")), ["hi"]);
}

#[test]
fn a_server_killed_during_an_upload_has_the_whole_file_or_none() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("film.mkv", &noise(32 * 1024 * 1024));
    let mut talk = alice.talk();
    talk.ok("ls");
    talk.tell("send_file alice film.mkv");
    // Waits until the server has some bytes of the file.
    let upload = server.folder().join("upload");
    let until = std::time::Instant::now() + crate::harness::DEADLINE;
    while !has_bytes(&upload) {
        assert!(std::time::Instant::now() < until, "nothing of the file arrives");
        std::thread::yield_now();
    }
    let stopped = server.kill9();
    drop(talk);
    let server = stopped.start();
    let inbox = alice.ok("inbox");
    let told = items(&inbox["messages"]).len();
    // There is at most a partial file, and no message without its file.
    assert_eq!(server.uploads().len(), told, "{:?}", server.uploads());
    assert!(server.parts().len() + told <= 1, "{:?}", server.parts());
    for message in items(&inbox["messages"]) {
        let file = upload.join(text(&message["file"]["name"]));
        assert_eq!(crate::harness::hash(&file), text(&message["file"]["blake3"]));
    }
    alice.ok("send_file alice film.mkv");
    assert_eq!(server.parts(), [""; 0].map(std::path::PathBuf::from));
}

/// Whether bytes of a partial file have arrived.
pub(crate) fn has_bytes(folder: &std::path::Path) -> bool {
    let sizes = crate::harness::files_below(folder);
    sizes.iter().any(|file| file.metadata().is_ok_and(|metadata| metadata.len() > 1_000_000))
}
