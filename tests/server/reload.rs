//! A running server that reads its certificate and key again.

use qchat_client::{Client, ConnectError, ServerAddress, Trust};

use crate::harness::{Bot, Client as Person, PASSWORD, Server, sdk};

/// The log message of a reload.
pub(crate) const READ: &str = "were read anew";
const NOT_READ: &str = "could not be read anew";

async fn connect(server: &Server, fingerprint: &str) -> Result<Client, ConnectError> {
    let address: ServerAddress = server.address.to_string().parse().unwrap();
    Client::connect(&address, Trust::Fingerprint(fingerprint.parse().unwrap())).await
}

#[tokio::test]
async fn new_clients_see_the_new_key_and_connected_clients_stay() {
    let mut server = Server::start();
    let old = server.fingerprint.clone();
    let (bot, alice) = (server.user("bot"), sdk::device(&server, "alice").await);
    let mut listening = Bot::listen(&bot, &[]);
    alice.send(sdk::user("bot"), sdk::text("before")).await.unwrap();
    assert_eq!(listening.texts(1), ["before"]);

    server.folder.cert(&["--next"]);
    let new = server.folder.cert(&["--rotate"]);
    assert_ne!(new, old);
    assert!(server.hang_up(READ).contains(&new));

    let refused = connect(&server, &old).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Identity(_)), "{refused}");
    let carol = connect(&server, &new).await.unwrap();
    // These connections are older than the reload: neither client would trust the new key.
    alice.send(sdk::user("bot"), sdk::text("after")).await.unwrap();
    assert!(!alice.is_closed());
    assert_eq!(listening.texts(1), ["after"]);
    assert_eq!(listening.stopped(), "");
    carol.close().await;

    // The next server process has the new key too.
    assert_eq!(server.terminate().start().fingerprint, new);
}

#[tokio::test]
async fn a_wrong_file_is_named_and_the_old_certificate_stays_in_use() {
    let mut server = Server::start();
    let fingerprint = server.fingerprint.clone();
    let folder = server.folder().to_owned();
    let (certificate, key) = (folder.join("cert/cert.pem"), folder.join("cert/key.pem"));
    let (good_certificate, good_key) =
        (std::fs::read(&certificate).unwrap(), std::fs::read(&key).unwrap());
    let other = Server::start();
    let others_key = std::fs::read(other.folder().join("cert/key.pem")).unwrap();
    for (file, content, says) in [
        (&certificate, &b"rubbish"[..], "cert/cert.pem"),
        (&key, b"rubbish", "cert/key.pem"),
        (&key, &others_key, "do not belong together"),
    ] {
        std::fs::write(file, content).unwrap();
        let line = server.hang_up(NOT_READ);
        assert!(line.contains(says), "{says}: {line}");
        connect(&server, &fingerprint).await.unwrap();
        std::fs::write(&certificate, &good_certificate).unwrap();
        std::fs::write(&key, &good_key).unwrap();
    }
    server.folder.set_mode("cert/key.pem", 0o640);
    let line = server.hang_up(NOT_READ);
    assert!(line.contains("chmod 600 cert/key.pem"), "{line}");
    connect(&server, &fingerprint).await.unwrap();

    server.folder.set_mode("cert/key.pem", 0o600);
    std::fs::remove_file(&certificate).unwrap();
    // A starting server would make a certificate; a running one does not.
    assert!(server.hang_up(NOT_READ).contains("cert/cert.pem is missing"));
    assert!(!certificate.exists());
    connect(&server, &fingerprint).await.unwrap();
}

#[test]
fn a_renewed_certificate_is_used_without_a_restart() {
    let mut server = Server::start();
    let address = format!("localhost:{}", server.address.port());
    server.folder.cert(&["--name", "chat.example.org"]);
    let ca = server.folder().join("cert/cert.pem");
    let person = Person::at(&["--server", &address, "--ca", ca.to_str().unwrap()], None);
    server.hang_up(READ);
    let ended = person.run(&["auth_register", "alice", PASSWORD]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    // The key is the same, and the names are different.
    server.folder.cert(&["--name", "localhost"]);
    let person = Person::at(&["--server", &address, "--ca", ca.to_str().unwrap()], None);
    server.hang_up(READ);
    person.ok(&format!("auth_register alice {PASSWORD}"));
}
