//! The client's check of the server's identity.

use crate::harness::{Client, Server, files_below};

/// A client without known servers.
fn newcomer(server: &Server, arguments: &[&str]) -> Client {
    let address = server.address.to_string();
    Client::at(&[&["--server", &address], arguments].concat(), None)
}

/// Replaces a server by one at the same address with another key.
fn with_another_key(server: Server) -> Server {
    let stopped = server.terminate();
    std::fs::remove_dir_all(stopped.folder.path().join("cert")).unwrap();
    stopped.start()
}

#[test]
fn an_unknown_server_is_refused_without_a_terminal() {
    let server = Server::start();
    let client = newcomer(&server, &[]);
    let ended = client.run(&["auth_register", "alice", "secret"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains(&server.fingerprint), "{}", ended.error);
    assert!(ended.error.contains("--accept-new"), "{}", ended.error);
    // Nothing was sent, so the name is still free.
    server.visitor().ok("auth_register alice x");
}

#[test]
fn accept_new_pins_the_key_for_later() {
    let server = Server::start();
    let client = newcomer(&server, &["--accept-new"]);
    client.ok("auth_register alice x");
    let address = server.address.to_string();
    let client = client.pointed_at(&["--server", &address]);
    client.ok("auth_login alice x");
    assert_eq!(pinned(&client), [format!("{address} {}", server.fingerprint)]);
}

/// The lines with a fingerprint in the files of the home folder.
pub(crate) fn pinned(client: &Client) -> Vec<String> {
    let files = files_below(client.home());
    let texts = files.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let lines: Vec<String> =
        texts.flat_map(|text| text.lines().map(String::from).collect::<Vec<_>>()).collect();
    lines.into_iter().filter(|line| line.contains("SHA256:") && !line.starts_with('#')).collect()
}

#[test]
fn a_changed_key_stops_the_client_and_shows_both() {
    let server = Server::start();
    let address = server.address.to_string();
    let client = newcomer(&server, &["--accept-new"]);
    client.ok("auth_register alice x");
    let old = server.fingerprint.clone();
    let server = with_another_key(server);
    assert_ne!(server.fingerprint, old);
    for arguments in [&[][..], &["--accept-new"]] {
        let arguments = [arguments, &["auth_login", "alice", "x"]].concat();
        let client = newcomer_at_home(&client, &address, &arguments);
        assert_eq!(client.status, Some(3), "{client:?}");
        assert!(client.error.contains(&old), "{}", client.error);
        assert!(client.error.contains(&server.fingerprint), "{}", client.error);
    }
    assert_eq!(pinned(&client), [format!("{address} {old}")]);
}

/// Runs a client with another client's home folder and its own arguments.
fn newcomer_at_home(client: &Client, address: &str, arguments: &[&str]) -> crate::harness::Ended {
    let mut command = std::process::Command::new(crate::harness::PROGRAM);
    command.args(["client", "--server", address]).args(arguments).current_dir(client.path(""));
    crate::harness::clean_environment(&mut command, client.home());
    crate::harness::Running::start(&mut command).finish()
}

#[test]
fn only_the_printed_fingerprint_is_accepted() {
    let server = Server::start();
    let other = Server::start();
    let client = newcomer(&server, &["--fingerprint", &other.fingerprint]);
    let ended = client.run(&["auth_register", "alice", "x"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains(&server.fingerprint), "{}", ended.error);
    assert!(ended.error.contains(&other.fingerprint), "{}", ended.error);
    newcomer(&server, &["--fingerprint", &server.fingerprint]).ok("auth_register alice x");
}

#[test]
fn a_certificate_authority_is_trusted_for_the_names_that_it_certified() {
    let server = Server::start();
    let ca = server.folder().join("cert/cert.pem");
    let ca = ca.to_str().unwrap();
    newcomer(&server, &["--ca", ca]).ok("auth_register alice x");
    let other = Server::start();
    let client = newcomer(&other, &["--ca", ca]);
    let ended = client.run(&["auth_register", "alice", "x"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    other.visitor().ok("auth_register alice x");
}

#[test]
fn an_address_without_a_server_is_reported() {
    // This test owns the port, and sends no answer.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let client = Client::at(&["--server", &address, "--accept-new", "--timeout", "1"], None);
    let ended = client.run(&["auth_login", "alice", "x"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains(&address), "{}", ended.error);
}

#[test]
fn a_password_is_not_sent_to_a_server_with_another_key() {
    let server = Server::start();
    let alice = server.user("alice");
    alice.ok("ls");
    let server = with_another_key(server);
    // The session and the password are at hand, and the client still knows the old key.
    let ended = alice.run(&["ls"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains(&server.fingerprint), "{}", ended.error);
}
