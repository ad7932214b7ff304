//! What a server needs to start, and what it says where something is in the way.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{Server, ServerFolder, contents, files_below};

/// Checks that the server says one sentence that names the cause, and leaves everything as it was.
#[track_caller]
pub(crate) fn check_refused(folder: &ServerFolder, arguments: &[&str], parts: &[&str]) {
    let before = contents(folder.path());
    let ended = folder.refuses_to_start(arguments);
    assert!(ended.status.is_some_and(|status| status != 0), "{ended:?}");
    assert_eq!(ended.output, "");
    assert_eq!(ended.error.lines().count(), 1, "one sentence: {}", ended.error);
    for part in parts {
        assert!(ended.error.contains(part), "{part:?} is not in: {}", ended.error);
    }
    assert_eq!(contents(folder.path()), before, "something changed on the disk");
}

/// A folder in which a server ran before, with something in it.
pub(crate) fn used_folder() -> ServerFolder {
    let server = Server::start();
    server.user("alice").lines(&["send alice hi", "mkgr lab"]);
    server.terminate().folder
}

#[test]
fn a_first_start_makes_what_it_needs() {
    let server = Server::start();
    assert!(server.fingerprint.starts_with("SHA256:"), "{}", server.fingerprint);
    assert_ne!(server.address.port(), 0);
    let key = server.folder().join("cert/key.pem");
    let mode = std::fs::metadata(key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(server.folder().join("cert/cert.pem").is_file());
    assert!(server.folder().join("data").is_dir());
    server.visitor().ok("auth_register alice x");
}

#[test]
fn a_stop_and_a_second_start_keep_the_fingerprint() {
    let server = Server::start();
    let fingerprint = server.fingerprint.clone();
    assert_eq!(server.terminate().start().fingerprint, fingerprint);
}

#[test]
fn a_second_server_on_the_same_data_is_refused_and_the_first_goes_on() {
    let folder = used_folder();
    let path = folder.path().to_owned();
    let first = Server::in_folder(folder, &[]);
    let alice = first.client_of("alice");
    alice.ok("ls");
    let second = ServerFolder::new();
    let (data, cert, key) =
        (path.join("data"), path.join("cert/cert.pem"), path.join("cert/key.pem"));
    let of = |path: &Path| path.to_str().unwrap().to_owned();
    let arguments = ["--data", &of(&data), "--cert", &of(&cert), "--key", &of(&key)];
    let before = contents(&path);
    check_refused(&second, &arguments, &["in use", &of(&data)]);
    assert_eq!(contents(&path), before, "something changed on the disk");
    alice.ok("send alice still here");
}

#[test]
fn a_killed_servers_data_is_not_in_use() {
    let server = Server::start();
    let alice = server.user("alice");
    let _server = server.kill9().start();
    alice.ok("ls");
}

#[test]
fn an_occupied_port_is_named() {
    let folder = used_folder();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    check_refused_at(&folder, &address);
    check_refused_at(&ServerFolder::new(), &address);
}

#[track_caller]
fn check_refused_at(folder: &ServerFolder, address: &str) {
    let before = contents(folder.path());
    let ended = folder.refuses_to_listen(address);
    assert!(ended.status.is_some_and(|status| status != 0), "{ended:?}");
    assert_eq!(ended.error.lines().count(), 1, "one sentence: {}", ended.error);
    assert!(ended.error.contains(address), "{}", ended.error);
    assert_eq!(contents(folder.path()), before, "something changed on the disk");
}

#[test]
fn a_certificate_without_its_key_is_named() {
    let folder = used_folder();
    std::fs::remove_file(folder.path().join("cert/key.pem")).unwrap();
    check_refused(&folder, &[], &["cert/key.pem"]);
}

#[test]
fn a_named_file_that_is_missing_is_an_error_and_nothing_is_made() {
    let folder = ServerFolder::new();
    check_refused(&folder, &["--cert", "other/cert.pem"], &["other/cert.pem"]);
    check_refused(&folder, &["--key", "other/key.pem"], &["cert"]);
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn a_key_that_does_not_fit_its_certificate_is_named() {
    let folder = used_folder();
    let other = used_folder();
    let key = other.path().join("cert/key.pem");
    std::fs::copy(&key, folder.path().join("cert/key.pem")).unwrap();
    check_refused(&folder, &[], &["cert/cert.pem", "cert/key.pem"]);
    std::fs::write(folder.path().join("cert/key.pem"), "rubbish").unwrap();
    check_refused(&folder, &[], &["cert/key.pem"]);
    std::fs::copy(key, folder.path().join("cert/key.pem")).unwrap();
    std::fs::write(folder.path().join("cert/cert.pem"), "rubbish").unwrap();
    check_refused(&folder, &[], &["cert/cert.pem"]);
}

#[test]
fn a_data_folder_that_is_a_file_is_named() {
    let folder = ServerFolder::new();
    std::fs::write(folder.path().join("data"), "no folder").unwrap();
    check_refused(&folder, &[], &["data"]);
    assert_eq!(std::fs::read(folder.path().join("data")).unwrap(), b"no folder");
}

#[test]
fn flags_that_make_no_sense_are_bad_usage() {
    let folder = ServerFolder::new();
    for arguments in [&["--quota", "many"][..], &["--no-such-flag"], &["--password-min", "-1"]] {
        let ended = folder.refuses_to_start(arguments);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert!(ended.error.contains(arguments.last().unwrap()), "{}", ended.error);
    }
    assert!(files_below(folder.path()).is_empty());
}

#[test]
fn a_fresh_folder_stays_empty_where_the_upload_folder_cannot_be_made() {
    let folder = ServerFolder::new();
    std::fs::write(folder.path().join("upload"), "no folder").unwrap();
    let ended = folder.refuses_to_start(&[]);
    assert!(ended.status.is_some_and(|status| status != 0), "{ended:?}");
    assert!(ended.error.contains("upload"), "{}", ended.error);
    assert_eq!(std::fs::read(folder.path().join("upload")).unwrap(), b"no folder");
}
