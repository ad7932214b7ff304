//! The check of the server's identity, before any byte of the user's is sent.

use qchat_client::{Client, ConnectError, IdentityError, PinFile, ServerAddress, Trust, Unknown};
use tokio::sync::mpsc;

use crate::server::{Identity, start, start_speaking};

fn known(pins: &PinFile, unknown: Unknown) -> Trust {
    Trust::Known { pins: pins.clone(), unknown }
}

async fn stay(connection: quinn::Connection) {
    connection.closed().await;
}

async fn refused(server: &ServerAddress, trust: Trust) -> IdentityError {
    match Client::connect(server, trust).await {
        Err(ConnectError::Identity(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_unknown_server_is_refused_before_anything_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let identity = Identity::new();
    let (established, mut connections) = mpsc::channel(1);
    let server = start(&identity, move |_| {
        let established = established.clone();
        async move { established.send(()).await.unwrap() }
    });

    let error = refused(&server, known(&pins, Unknown::Refuse)).await;

    let presented = identity.fingerprint();
    assert_eq!(error, IdentityError::Unknown { server: server.clone(), presented });
    assert!(error.to_string().contains(&format!("--fingerprint {presented}")), "{error}");
    assert!(!pins.path().exists());
    // The next connection is the first one that reaches the server.
    Client::connect(&server, Trust::Fingerprint(presented)).await.unwrap();
    connections.recv().await.unwrap();
    assert!(connections.try_recv().is_err());
}

#[tokio::test]
async fn a_new_server_is_pinned_and_known_the_next_time() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let identity = Identity::new();
    let server = start(&identity, stay);

    let first = Client::connect(&server, known(&pins, Unknown::Accept)).await.unwrap();
    assert_eq!(first.first_contact(), Some(identity.fingerprint()));
    let line = format!("{server} {}\n", identity.fingerprint());
    assert_eq!(std::fs::read_to_string(pins.path()).unwrap(), line);

    let again = Client::connect(&server, known(&pins, Unknown::Refuse)).await.unwrap();
    assert_eq!(again.first_contact(), None);
}

#[tokio::test]
async fn a_changed_key_is_refused_with_all_that_is_needed_to_decide() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let (old, new) = (Identity::new(), Identity::new());
    let server = start(&new, stay);
    pins.pin(&server, old.fingerprint()).unwrap();
    let before = std::fs::read(pins.path()).unwrap();

    let error = refused(&server, known(&pins, Unknown::Accept)).await;

    assert!(matches!(error, IdentityError::Changed { .. }), "{error:?}");
    let text = error.to_string();
    for part in [
        format!("known:     {}\n", old.fingerprint()),
        format!("presented: {}\n", new.fingerprint()),
        pins.path().display().to_string(),
        format!("{server} {}", old.fingerprint()),
    ] {
        assert!(text.contains(&part), "{part:?} is missing in: {text}");
    }
    assert_eq!(std::fs::read(pins.path()).unwrap(), before);
}

#[tokio::test]
async fn a_fingerprint_admits_one_key_alone() {
    let (asked, other) = (Identity::new(), Identity::new());
    let server = start(&other, stay);
    let error = refused(&server, Trust::Fingerprint(asked.fingerprint())).await;
    let (asked, presented) = (asked.fingerprint(), other.fingerprint());
    assert_eq!(error, IdentityError::NotTheOneAsked { server: server.clone(), asked, presented });
    Client::connect(&server, Trust::Fingerprint(presented)).await.unwrap();
}

#[tokio::test]
async fn an_authority_vouches_for_its_own_servers_under_their_names() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (ours, named) = (Identity::new(), Identity::for_names(&["chat.example.org"]));
    let authority = |folder: &tempfile::TempDir, identity: &Identity| {
        Trust::Authority(identity.pem(folder.path()))
    };
    let server = start(&ours, stay);
    Client::connect(&server, authority(&folder, &ours)).await.unwrap();

    let stranger = refused(&server, authority(&other, &named)).await;
    assert!(matches!(stranger, IdentityError::Authority { .. }), "{stranger:?}");

    let elsewhere = start(&named, stay);
    let wrong_name = refused(&elsewhere, authority(&other, &named)).await;
    assert!(wrong_name.to_string().contains("chat.example.org"), "{wrong_name}");
}

#[tokio::test]
async fn an_authority_file_without_certificates_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let server: ServerAddress = "127.0.0.1:9".parse().unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    for path in [empty, folder.path().join("missing.pem")] {
        let error = Client::connect(&server, Trust::Authority(path.clone())).await.unwrap_err();
        assert!(matches!(error, ConnectError::Authority { .. }), "{error:?}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_server_of_another_protocol_is_told_apart() {
    let identity = Identity::new();
    for protocols in [&[&b"h3"[..]][..], &[]] {
        let server = start_speaking(protocols, &identity, stay);
        let trust = Trust::Fingerprint(identity.fingerprint());
        let error = Client::connect(&server, trust).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
        assert!(!error.is_transient(), "{error}");
    }
    let server = start_speaking(&[b"h3"], &identity, stay);
    let trust = Trust::Fingerprint(identity.fingerprint());
    let error = Client::connect(&server, trust).await.unwrap_err();
    assert!(error.to_string().contains("does not speak this version of qchat"), "{error}");
}

/// A certificate is public, so anybody can show it. Only the holder of its key can sign.
#[tokio::test]
async fn a_certificate_without_its_key_convinces_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let pins = PinFile::at(folder.path().join("known_servers"));
    let owner = Identity::new();
    let (established, mut connections) = mpsc::channel(1);
    let server = start(&Identity::posing_as(&owner), move |_| {
        let established = established.clone();
        async move { established.send(()).await.unwrap() }
    });
    let asked = owner.fingerprint();
    for trust in [
        Trust::Fingerprint(asked),
        Trust::Authority(owner.pem(folder.path())),
        known(&pins, Unknown::Accept),
    ] {
        let error = Client::connect(&server, trust).await.unwrap_err();
        assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
        assert!(error.to_string().contains("BadSignature"), "{error}");
    }
    assert!(!pins.path().exists());
    // Neither as a known server, nor as one that has announced the key.
    pins.pin(&server, asked).unwrap();
    let error = Client::connect(&server, known(&pins, Unknown::Refuse)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
    pins.forget(&server).unwrap();
    let before = Identity::new().fingerprint();
    pins.pin(&server, before).unwrap();
    pins.announce(&server, before, Some(asked)).unwrap();
    let error = Client::connect(&server, known(&pins, Unknown::Refuse)).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
    let pin = pins.lookup(&server).unwrap().unwrap();
    assert_eq!((pin.key, pin.next), (before, Some(asked)));
    assert!(connections.try_recv().is_err());
}

/// A server that speaks only a draft of QUIC, and answers so (RFC 9000, section 17.2.1).
async fn speak_a_draft(socket: tokio::net::UdpSocket) {
    let mut packet = [0; 2048];
    loop {
        let (_, client) = socket.recv_from(&mut packet).await.unwrap();
        assert_eq!(packet[1..5], [0, 0, 0, 1], "the client speaks another version");
        let (to, rest) = packet[6..].split_at(packet[5].into());
        let from = &rest[1..=usize::from(rest[0])];
        let (to_length, from_length) = (packet[5], rest[0]);
        let ids = [&[from_length], from, &[to_length], to].concat();
        let draft = 0xff00_001d_u32.to_be_bytes();
        let answer = [&[0x80, 0, 0, 0, 0], &ids[..], &draft].concat();
        socket.send_to(&answer, client).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_speaks_a_draft_of_quic_is_refused() {
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let server: ServerAddress = socket.local_addr().unwrap().to_string().parse().unwrap();
    tokio::spawn(speak_a_draft(socket));
    let trust = Trust::Fingerprint(Identity::new().fingerprint());
    let error = Client::connect(&server, trust).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
    assert!(error.to_string().contains("version"), "{error}");
    assert!(!error.is_transient(), "{error}");
}

#[tokio::test]
async fn a_server_on_one_ip_version_is_found_by_name() {
    let identity = Identity::new();
    let server = start(&identity, stay);
    let by_name: ServerAddress = format!("localhost:{}", server.port()).parse().unwrap();
    Client::connect(&by_name, Trust::Fingerprint(identity.fingerprint())).await.unwrap();
}
