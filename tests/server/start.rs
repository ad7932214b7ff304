//! The requirements for the start of a server, and the messages if one is not met.

use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::harness::{
    PROGRAM, Running, Server, ServerFolder, clean_environment, contents, files_below,
};

/// Checks that the server prints one sentence with the cause, and changes no file.
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

/// A folder in which a server ran before.
pub(crate) fn used_folder() -> ServerFolder {
    let server = Server::start();
    server.user("alice").lines(&["send alice hi", "mkgr lab"]);
    server.terminate().folder
}

#[test]
fn a_first_start_makes_all_files_and_folders() {
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
fn a_second_server_on_the_same_data_is_refused_and_the_first_continues() {
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
fn the_data_folder_of_a_killed_server_is_not_in_use() {
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
fn a_missing_file_that_was_named_is_an_error_and_nothing_is_made() {
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
fn flags_without_sense_are_bad_usage() {
    let folder = ServerFolder::new();
    for arguments in [&["--quota", "many"][..], &["--no-such-flag"], &["--password-min", "-1"]] {
        let ended = folder.refuses_to_start(arguments);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        assert!(ended.error.contains(arguments.last().unwrap()), "{}", ended.error);
    }
    assert!(files_below(folder.path()).is_empty());
}

/// Words of the implementation language.
const JARGON: [&str; 9] = [
    "u64",
    "u32",
    "usize",
    "digit",
    "non-zero",
    "friendly",
    "invalid type",
    "unknown field",
    "socket",
];

#[track_caller]
fn check_plain(error: &str, parts: &[&str]) {
    for part in parts {
        assert!(error.contains(part), "{part:?} is not in: {error}");
    }
    for word in JARGON {
        assert!(!error.contains(word), "{word:?} is in: {error}");
    }
}

#[test]
fn wrong_flags_are_reported_in_plain_words() {
    let folder = ServerFolder::new();
    for (flag, value, part) in [
        ("--quota", "many", "10G"),
        ("--max-file-size", "10 X", "10G"),
        ("--min-free", "1e9", "10G"),
        ("--password-min", "eight", "from 1"),
        ("--commands-per-second", "0", "from 1"),
        ("--max-connections", "", "from 1"),
        ("--keep-files", "90", "90d"),
        ("--log-format", "loud", "json"),
    ] {
        let ended = folder.refuses_to_start(&[flag, value]);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        check_plain(&ended.error, &[flag, part]);
    }
    for address in ["4433", "localhost", "nowhere"] {
        let ended = folder.refuses_to_listen(address);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        check_plain(&ended.error, &["--listen", "localhost:4433"]);
    }
    let visitor = crate::harness::Client::at(&["--server", "localhost:1"], None);
    let ended = visitor.run(&["--timeout", "soon", "ls"]);
    check_plain(&ended.error, &["--timeout", "such as 30"]);
}

#[test]
fn an_invalid_log_filter_is_reported() {
    let folder = ServerFolder::new();
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["server", "--listen", "127.0.0.1:0"]).current_dir(folder.path());
    clean_environment(&mut command, folder.path());
    let mut server = Running::start(command.env("QCHAT_LOG", "qchat_node=loud"));
    let first = server.error_line().unwrap();
    assert!(first.contains("QCHAT_LOG=qchat_node=loud is not understood"), "{first}");
}

#[test]
fn a_wrong_settings_file_is_reported_in_plain_words_with_its_line() {
    for (text, parts) in [
        ("\nquota = 'many'", &["line 2: quota", "10G"][..]),
        ("quota = 10G", &["line 1", "NAME = \"VALUE\""]),
        ("quotta = 1", &["line 1", "did you mean quota?"]),
        ("password_min = -1", &["line 1: password_min", "from 1"]),
        ("commands_per_second = 0", &["line 1: commands_per_second", "from 1"]),
        ("keep_files = 90", &["line 1: keep_files", "90d"]),
        ("listen = 4433", &["line 1: listen", "localhost:4433"]),
        ("log_format = ['text']", &["line 1: log_format", "one value"]),
    ] {
        let folder = ServerFolder::new();
        std::fs::write(folder.path().join("server.toml"), text).unwrap();
        let ended = folder.refuses_to_start(&["--config", "server.toml"]);
        assert_eq!(ended.error.lines().count(), 1, "one sentence: {}", ended.error);
        check_plain(&ended.error, &["server.toml"]);
        check_plain(&ended.error, parts);
    }
}

#[test]
fn sizes_have_units_and_a_host_name_can_be_listened_on() {
    let folder = ServerFolder::new();
    let text = "listen = 'localhost:0'\nquota = '2K'\nmax_file_size = '1.5 KiB'\n";
    std::fs::write(folder.path().join("server.toml"), text).unwrap();
    let server = Server::configured_by(folder, "server.toml", &["--max-connections", "64"]);
    let alice = server.user("alice");
    alice.write("large", &[b'x'; 1537]);
    alice.write("fits", &[b'x'; 1536]);
    assert_eq!(alice.refused("send_file alice large"), "too_large");
    alice.ok("send_file alice fits");
    assert_eq!(alice.refused("send_file alice fits"), "quota_exceeded");
}

#[test]
fn a_certificate_is_made_only_for_names_that_a_client_can_connect_to() {
    let folder = ServerFolder::new();
    for name in ["not a name!", "", "chat.example.org:4433", "a/b"] {
        let refused = folder.cert_is_refused(&["--name", name]);
        check_plain(&refused, &[&format!("{name:?}"), "chat.example.org"]);
    }
    assert!(files_below(folder.path()).is_empty());
    for name in ["chat.example.org", "*.example.org", "::1", "10.0.0.1", "localhost"] {
        folder.cert(&["--name", name]);
    }
}

#[test]
fn the_data_folder_stays_empty_if_the_upload_folder_cannot_be_made() {
    let folder = ServerFolder::new();
    std::fs::write(folder.path().join("upload"), "no folder").unwrap();
    let ended = folder.refuses_to_start(&[]);
    assert!(ended.status.is_some_and(|status| status != 0), "{ended:?}");
    assert!(ended.error.contains("upload"), "{}", ended.error);
    assert_eq!(std::fs::read(folder.path().join("upload")).unwrap(), b"no folder");
}
