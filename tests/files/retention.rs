//! The expiry of files, and the removal of orphans.

use crate::harness::{Server, items, text, until};

#[test]
fn a_file_is_kept_for_the_configured_time_and_its_message_for_ever() {
    let server = Server::with(&["--keep-files", "1s", "--quota", "15"]);
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    alice.write("report.txt", b"ten bytes!");
    let sent = alice.ok("send_file bob report.txt");
    assert_eq!(sent["message"]["file"]["expired"], serde_json::Value::Null);
    until("the file has expired", || server.uploads().is_empty());

    let shown = bob.ok("inbox");
    let message = &items(&shown["messages"])[0];
    assert_eq!(message["file"]["expired"], true);
    assert_eq!(message["file"]["blake3"], sent["message"]["file"]["blake3"]);
    let name = text(&message["file"]["name"]);
    assert_eq!(bob.refused(&format!("download_file {name}")), "file_expired");
    assert_eq!(alice.refused("download_file report.txt"), "file_expired");
    let shown = bob.run(&["inbox"]);
    assert!(shown.output.contains("report.txt") && shown.output.contains("expired"), "{shown:?}");

    // The file no longer counts against the quota of its sender.
    alice.ok("send_file bob report.txt");
    until("that one has expired too", || server.uploads().is_empty());
    let _server = server.terminate().start();
    assert_eq!(bob.refused(&format!("download_file {name}")), "file_expired");
}

#[test]
fn only_old_files_without_a_message_are_removed() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.txt", b"kept");
    alice.ok("send_file alice a.txt");
    let uploads = server.folder().join("upload");
    let stopped = server.terminate();
    let now =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let (old, young) = (now - 2 * 60 * 60 * 1000, now);
    for name in [format!("{old}_orphan"), format!("{young}_young"), "notes.txt".to_owned()] {
        std::fs::write(uploads.join(name), "of no message").unwrap();
    }
    let server = stopped.start();
    until("the orphan is gone", || !uploads.join(format!("{old}_orphan")).exists());
    assert_eq!(server.uploads().len(), 3, "{:?}", server.uploads());
}
