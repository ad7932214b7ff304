//! Refused uploads and downloads, and the reasons.

use crate::files::sending::noise;
use crate::harness::{Server, items, text};

/// Checks that a line is refused, and that no byte of the file arrived.
#[track_caller]
fn check_refused(
    server: &Server,
    alice: &crate::harness::Client,
    line: &str,
    code: &str,
) -> String {
    let before = server.uploads();
    let answers = alice.lines(&[line, "inbox --unread"]);
    assert_eq!(answers[0]["error"]["code"], code, "{line}: {}", answers[0]);
    assert_eq!(items(&answers[1]["messages"]).len(), 0, "{line}");
    assert_eq!(server.uploads(), before, "{line}");
    text(&answers[0]["error"]["message"]).to_owned()
}

#[test]
fn a_file_that_does_not_fit_on_the_disk_is_refused_before_a_byte_is_sent() {
    let floor = u64::MAX.to_string();
    let server = Server::with(&["--min-free", &floor]);
    let alice = server.user("alice");
    alice.write("a.txt", b"nine byte");
    let why = check_refused(&server, &alice, "send_file alice a.txt", "server_full");
    assert!(why.contains("9 bytes") && why.contains(&floor), "{why}");
    alice.ok("send alice messages have a floor of their own");
}

#[test]
fn a_file_that_cannot_be_read_is_named_and_no_file_is_sent() {
    let server = Server::start();
    let alice = server.user("alice");
    std::fs::create_dir(alice.path("folder")).unwrap();
    for (path, part) in
        [("missing.txt", "missing.txt"), ("folder", "folder"), ("/dev/null", "/dev/null")]
    {
        let line = format!("send_file alice {path}");
        let message = check_refused(&server, &alice, &line, "local_file");
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn a_file_without_read_permission_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("locked.txt", b"locked");
    let path = alice.path("locked.txt");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o000)).unwrap();
    // Root can read every file, so this test has no effect for root.
    if std::fs::File::open(&path).is_err() {
        check_refused(&server, &alice, "send_file alice locked.txt", "local_file");
    }
}

#[test]
fn a_file_for_a_group_is_checked_in_the_same_way() {
    let server = Server::with(&["--max-file-size", "1000"]);
    let alice = server.user("alice");
    alice.ok("mkgr lab");
    alice.write("big.bin", &noise(1001));
    assert_eq!(alice.refused("sendgroup_file lab missing.txt"), "local_file");
    assert_eq!(alice.refused("sendgroup_file lab big.bin"), "too_large");
    assert_eq!(items(&alice.ok("inboxgroup lab")["messages"]).len(), 0);
}

#[test]
fn a_file_over_the_limit_of_the_server_is_refused_before_it_is_sent() {
    let server = Server::with(&["--max-file-size", "1000"]);
    let alice = server.user("alice");
    alice.write("exact.bin", &noise(1000));
    alice.write("big.bin", &noise(1001));
    let message = check_refused(&server, &alice, "send_file alice big.bin", "too_large");
    assert!(message.contains("1001") && message.contains("1000"), "{message}");
    alice.ok("send_file alice exact.bin");
}

#[test]
fn the_quota_counts_all_files_of_the_sender() {
    let server = Server::with(&["--quota", "1000"]);
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("a.bin", &noise(600));
    alice.write("b.bin", &noise(401));
    alice.write("c.bin", &noise(400));
    bob.write("d.bin", &noise(1000));
    alice.ok("send_file bob a.bin");
    check_refused(&server, &alice, "send_file bob b.bin", "quota_exceeded");
    alice.ok("mkgr lab");
    assert_eq!(alice.refused("sendgroup_file lab b.bin"), "quota_exceeded");
    alice.ok("sendgroup_file lab c.bin");
    assert_eq!(alice.refused("send_file bob a.bin"), "quota_exceeded");
    // The files that alice sent count for alice and not for the receiver.
    bob.ok("send_file alice d.bin");
}

#[test]
fn the_quota_survives_a_restart() {
    let server = Server::with(&["--quota", "1000"]);
    let alice = server.user("alice");
    alice.write("a.bin", &noise(600));
    alice.ok("send_file alice a.bin");
    let server = server.terminate().start();
    assert_eq!(alice.refused("send_file alice a.bin"), "quota_exceeded");
    assert_eq!(server.uploads().len(), 1);
}

#[test]
fn the_receiver_is_checked_before_the_file() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("mkgr lab");
    bob.write("here.txt", b"here");
    assert_eq!(bob.refused("send_file nobody here.txt"), "user_not_found");
    assert_eq!(bob.refused("sendgroup_file lab here.txt"), "not_a_member");
    assert_eq!(bob.refused("sendgroup_file nowhere here.txt"), "group_not_found");
    assert_eq!(server.uploads(), Vec::<String>::new());
}

#[test]
fn a_file_that_nobody_sent_is_not_found() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("mkgr lab");
    alice.ok("sendgroup lab no file here");
    let answers = alice.lines(&[
        "download_file nothing.txt",
        "download_file 1763833207123_nothing.txt",
        "downloadgroup_file lab nothing.txt",
    ]);
    for answer in &answers {
        assert_eq!(answer["error"]["code"], "file_not_found", "{answer}");
        assert!(text(&answer["error"]["message"]).contains("nothing.txt"), "{answer}");
    }
    assert!(!alice.path("download/alice/nothing.txt").exists());
}

#[test]
fn a_download_that_cannot_be_written_is_a_local_error() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.write("a.txt", b"a");
    alice.ok("send_file alice a.txt");
    // A file in the place of the folder.
    alice.write("download", b"in the way");
    let message = alice.lines(&["download_file a.txt", "ls"]);
    assert_eq!(message[0]["error"]["code"], "local_file", "{}", message[0]);
    assert_eq!(message[1]["ok"], true);
    assert_eq!(std::fs::read(alice.path("download")).unwrap(), b"in the way");
}

#[test]
fn a_file_without_a_true_length_is_refused_and_not_sent_as_empty() {
    let server = Server::start();
    let alice = server.user("alice");
    for path in ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"] {
        if std::fs::read(path).is_ok_and(|content| !content.is_empty()) {
            let line = format!("send_file alice {path}");
            let message = check_refused(&server, &alice, &line, "local_file");
            assert!(message.contains("no true length"), "{message}");
        }
    }
}
