//! Certificates that expire soon or have expired.

use std::time::SystemTime;

use rcgen::{CertificateParams, KeyPair};
use time::{Duration, OffsetDateTime};

use crate::harness::{Client, PASSWORD, Server, ServerFolder};

/// A server whose certificate expires in this number of days.
fn server(days: i64) -> Server {
    let folder = ServerFolder::new();
    folder.cert(&[]);
    let key = folder.path().join("cert/key.pem");
    let key = KeyPair::from_pem(&std::fs::read_to_string(key).unwrap()).unwrap();
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut parameters = CertificateParams::new(names).unwrap();
    let now = OffsetDateTime::from(SystemTime::now());
    parameters.not_before = now - Duration::days(100);
    parameters.not_after = now + Duration::days(days) + Duration::hours(1);
    let certificate = parameters.self_signed(&key).unwrap();
    std::fs::write(folder.path().join("cert/cert.pem"), certificate.pem()).unwrap();
    Server::in_folder(folder, &[])
}

#[track_caller]
fn check_warned(server: &mut Server, level: &str, says: &str) {
    let line = server.logged(says);
    assert!(line.contains(level) && line.contains("qchat cert"), "{line}");
    assert!(line.contains("cert/cert.pem"), "{line}");
}

#[test]
fn a_certificate_that_expires_soon_is_reported_until_its_renewal() {
    let mut server = server(10);
    check_warned(&mut server, "WARN", "expires in 10 days");
    server.folder.cert(&[]);
    server.hang_up(crate::server::reload::READ);
    let (log, _folder) = server.into_log();
    assert!(!log.contains("expires in"), "{log}");
}

#[test]
fn an_expired_certificate_is_an_error_and_clients_that_verify_it_get_the_reason() {
    let mut server = server(-3);
    check_warned(&mut server, "ERROR", "has expired");
    let address = format!("localhost:{}", server.address.port());
    let ca = server.folder().join("cert/cert.pem");
    let checks = ["--server", &address, "--ca", ca.to_str().unwrap()];
    let ended = Client::at(&checks, None).run(&["auth_register", "alice", PASSWORD]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    assert!(ended.error.contains("its certificate expired 2 days ago"), "{}", ended.error);
    // A pinned key does not expire.
    server.user("alice").ok("ls");
}
