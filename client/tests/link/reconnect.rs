//! Connections that are made again, and the errors after which they are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use qchat_client::proto::Request;
use qchat_client::proto::command::Resumed;
use qchat_client::{
    Client, Code, ConnectError, PinFile, ReconnectError, ReconnectingClient, Refusal, SessionToken,
    Trust, Unknown,
};

use crate::server::{Identity, next_request, say, start};

const LIMIT: Duration = Duration::from_secs(10);

/// A server that closes its first connections, and then answers each `Resume` with `answer`. Returns the
/// client's end, and the number of connections.
fn after_lost_connections(
    lost: usize,
    answer: Result<Resumed, Refusal>,
) -> (ReconnectingClient, Arc<AtomicUsize>) {
    let identity = Identity::new();
    let connections = Arc::<AtomicUsize>::default();
    let made = Arc::clone(&connections);
    let server = start(&identity, move |connection| {
        let (number, answer) = (made.fetch_add(1, Ordering::SeqCst), answer.clone());
        async move {
            if number < lost {
                connection.close(0_u32.into(), b"");
            }
            while let Some((Request::Resume(_), mut stream)) = next_request(&connection).await {
                say(&mut stream, &answer).await;
            }
        }
    });
    let trust = Trust::Fingerprint(identity.fingerprint());
    (ReconnectingClient::new(server, trust), connections)
}

#[tokio::test]
async fn a_session_is_resumed_as_soon_as_a_connection_lasts() {
    let user = "alice".parse().unwrap();
    let (mut reconnecting, connections) = after_lost_connections(2, Ok(Resumed { user }));
    let client = reconnecting.signed_in(&SessionToken::random()).await.unwrap();
    assert_eq!(client.user(), Some("alice".parse().unwrap()));
    assert_eq!(connections.load(Ordering::SeqCst), 3);
    let same = reconnecting.client().and_then(Client::user);
    assert_eq!(same, Some("alice".parse().unwrap()), "the connection is kept");
}

#[tokio::test]
async fn a_session_that_has_ended_is_not_resumed_again() {
    let (mut reconnecting, connections) = after_lost_connections(0, Err(Refusal::SessionEnded));
    let error = reconnecting.signed_in(&SessionToken::random()).await.unwrap_err();
    assert!(error.is_final(), "{error}");
    assert!(matches!(error, ReconnectError::Call(error) if error.code() == Code::SessionEnded));
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_server_is_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let identity = Identity::new();
    let server = start(&identity, |connection| async move {
        connection.closed().await;
    });
    let pins = PinFile::at(folder.path().join("known_servers"));
    let trust = Trust::Known { pins: pins.clone(), unknown: Unknown::Refuse };
    let mut reconnecting = ReconnectingClient::new(server.clone(), trust.clone());
    let refused = reconnecting.connect(LIMIT).await.unwrap_err();
    assert!(matches!(refused, ConnectError::Identity(_)) && refused.is_final(), "{refused}");
    assert!(reconnecting.is_refused());
    pins.pin(&server, identity.fingerprint()).unwrap();
    let again = reconnecting.connect(LIMIT).await.unwrap_err();
    assert_eq!(again.to_string(), refused.to_string());
    // The server itself lets a new client in.
    assert!(ReconnectingClient::new(server, trust).connect(LIMIT).await.is_ok());
}

#[tokio::test]
async fn pauses_grow_until_a_person_asks_again() {
    let (mut reconnecting, _) = after_lost_connections(0, Err(Refusal::SessionEnded));
    assert!(reconnecting.next_pause() <= Duration::from_millis(200));
    let longest = (0..40).map(|_| reconnecting.next_pause()).max();
    assert!(longest > Some(Duration::from_secs(1)), "{longest:?}");
    reconnecting.restart();
    assert!(reconnecting.next_pause() <= Duration::from_millis(200));
}
