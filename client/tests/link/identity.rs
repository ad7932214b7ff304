//! Who the server is: judged before anything is said to it.

use qchat_client::{Client, ConnectError, IdentityError, PinFile, Trust, Unknown};
use tokio::sync::mpsc;

use crate::server::{Identity, start, start_speaking};

fn known(pins: &PinFile, unknown: Unknown) -> Trust {
    Trust::Known { pins: pins.clone(), unknown }
}

async fn stay(connection: quinn::Connection) {
    connection.closed().await;
}

async fn refused(server: &qchat_client::ServerAddress, trust: Trust) -> IdentityError {
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
    // The next connection is the first that the server hears of.
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
    assert_eq!(error, IdentityError::NotTheOneAsked { asked, presented });
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
    let server = "127.0.0.1:9".parse().unwrap();
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
    let server = start_speaking(b"h3", &identity, stay);
    let trust = Trust::Fingerprint(identity.fingerprint());
    let error = Client::connect(&server, trust).await.unwrap_err();
    assert!(matches!(error, ConnectError::Handshake { .. }), "{error:?}");
    assert!(error.to_string().contains("does not speak this version of qchat"), "{error}");
}

#[tokio::test]
async fn a_server_on_one_ip_version_is_found_by_name() {
    let identity = Identity::new();
    let server = start(&identity, stay);
    let by_name = format!("localhost:{}", server.port()).parse().unwrap();
    Client::connect(&by_name, Trust::Fingerprint(identity.fingerprint())).await.unwrap();
}
