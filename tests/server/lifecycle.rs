//! The listening address, the settings, the stop and the restart of a server.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Client, PASSWORD, Server, texts};

#[test]
fn ctrl_c_stops_a_server_like_sigterm() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("send alice hi");
    let _server = server.stop(Signal::INT).start();
    assert_eq!(texts(&alice.ok("inbox")), ["hi"]);
}

#[test]
fn a_stop_does_not_wait_for_clients_that_only_listen() {
    let server = Server::start();
    let mut people: Vec<_> =
        ["alice", "bob", "carol"].iter().map(|name| server.user(name).talk()).collect();
    for person in &mut people {
        person.ok("ls");
    }
    let begun = Instant::now();
    server.terminate();
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[test]
fn a_running_client_reconnects_to_a_restarted_server() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut talk = alice.talk();
    talk.ok("send alice before");
    let _server = server.terminate().start();
    talk.ok("send alice after");
    assert_eq!(texts(&talk.ok("inbox")), ["before", "after"]);
}

#[test]
fn both_ip_versions_are_served_by_one_socket() {
    if std::net::UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let server = Server::listening("[::]:0");
    let port = server.address.port();
    for (name, host) in [("four", "127.0.0.1"), ("six", "[::1]"), ("name", "localhost")] {
        let address = format!("{host}:{port}");
        let client =
            Client::at(&["--server", &address, "--fingerprint", &server.fingerprint], None);
        client.ok(&format!("auth_register {name} {PASSWORD}"));
    }
}

#[test]
fn a_large_file_takes_little_memory() {
    const SIZE: u64 = 512 * 1024 * 1024;
    let server = Server::start();
    let alice = server.user("alice");
    std::fs::File::create(alice.path("film.mkv")).unwrap().set_len(SIZE).unwrap();
    let sent = alice.ok("send_file alice film.mkv");
    assert_eq!(sent["message"]["file"]["size"], SIZE);
    let fetched = alice.ok("download_file film.mkv");
    let path = crate::files::sending::landed(&alice, &fetched);
    assert_eq!(std::fs::metadata(path).unwrap().len(), SIZE);
    let peak = server.peak_memory();
    assert!(peak < SIZE / 4, "{} MiB", peak / 1024 / 1024);
}

#[test]
fn settings_come_from_the_environment_and_from_a_file_too() {
    let folder = crate::harness::ServerFolder::new();
    std::fs::write(folder.path().join("server.toml"), "password_min = 12\nquota = 10\n").unwrap();
    let server = Server::in_folder(folder, &["--config", "server.toml", "--quota", "1000"]);
    assert_eq!(server.visitor().refused("auth_register alice short"), "weak_password");
    let alice = server.user("alice");
    alice.write("a.bin", &crate::files::sending::noise(500));
    // The flag has priority over the file.
    alice.ok("send_file alice a.bin");
}
