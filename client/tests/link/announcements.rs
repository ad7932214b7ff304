//! The announcement of a server's next key, and its effect on the pin file.

use qchat_client::proto::command::{ServerKeys, SignedIn};
use qchat_client::proto::{ALPN, Request};
use qchat_client::{
    Client, ConnectError, Fingerprint, IdentityError, Pin, PinFile, Refusal, ServerAddress,
    SessionToken, Trust, Unknown,
};
use quinn::Connection;
use tokio::sync::mpsc;

use crate::server::{Identity, next_request, say, start, start_at};

struct Case {
    _folder: tempfile::TempDir,
    pins: PinFile,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("known_servers"));
        Self { _folder: folder, pins }
    }

    fn trust(&self) -> Trust {
        Trust::Known { pins: self.pins.clone(), unknown: Unknown::Accept }
    }

    async fn sign_in(&self, server: &ServerAddress, trust: Trust) -> Client {
        let client = Client::connect(server, trust).await.unwrap();
        let password = "secret".to_owned().try_into().unwrap();
        client.login("alice".parse().unwrap(), password).await.unwrap();
        client
    }

    fn pin(&self, server: &ServerAddress) -> Option<Pin> {
        self.pins.lookup(server).unwrap()
    }
}

fn key(text: &str) -> Fingerprint {
    Fingerprint::of_public_key(text.as_bytes())
}

/// Signs everybody in, and answers `NextKey` with these announcements. Any other request is sent to
/// `asked`.
async fn announce(
    connection: Connection,
    announcements: Vec<ServerKeys>,
    asked: mpsc::Sender<Request>,
) {
    let mut open = Vec::new();
    while let Some((request, mut answer)) = next_request(&connection).await {
        match &request {
            Request::Login(login) => {
                let user = login.user.clone();
                let signed_in = SignedIn { user, token: SessionToken::random() };
                say(&mut answer, &Ok::<_, Refusal>(signed_in)).await;
            }
            Request::NextKey(_) => {
                for keys in &announcements {
                    say(&mut answer, &Ok::<_, Refusal>(keys)).await;
                }
            }
            _ => {}
        }
        open.push(answer);
        asked.send(request).await.unwrap();
    }
}

fn start_announcing(
    identity: &Identity,
    announcements: Vec<ServerKeys>,
) -> (ServerAddress, mpsc::Receiver<Request>) {
    let (asked, requests) = mpsc::channel(16);
    let serve = move |connection| announce(connection, announcements.clone(), asked.clone());
    (start(identity, serve), requests)
}

#[tokio::test]
async fn who_has_signed_in_notes_the_next_key_and_nobody_before() {
    let (case, identity) = (Case::new(), Identity::new());
    let current = identity.fingerprint();
    let keys = ServerKeys { current, next: Some(key("next")) };
    let (server, mut requests) = start_announcing(&identity, vec![keys]);
    let client = case.sign_in(&server, case.trust()).await;
    assert!(matches!(requests.recv().await, Some(Request::Login(_))));
    assert!(matches!(requests.recv().await, Some(Request::NextKey(_))));
    // Noted when the connection is closed, however short it was.
    client.close().await;
    assert_eq!(case.pin(&server), Some(Pin { key: current, next: Some(key("next")) }));
}

#[tokio::test]
async fn a_key_that_was_asked_for_is_followed_by_none() {
    let (case, identity) = (Case::new(), Identity::new());
    let current = identity.fingerprint();
    let keys = ServerKeys { current, next: Some(key("next")) };
    let (server, mut requests) = start_announcing(&identity, vec![keys]);
    let folder = tempfile::tempdir().unwrap();
    for trust in [Trust::Fingerprint(current), Trust::Authority(identity.pem(folder.path()))] {
        let client = case.sign_in(&server, trust).await;
        assert!(matches!(requests.recv().await, Some(Request::Login(_))));
        client.close().await;
        assert!(requests.try_recv().is_err(), "it asked for the next key");
    }
    assert!(!case.pins.path().exists());
}

#[tokio::test]
async fn a_hostile_server_makes_a_client_forget_nothing() {
    let (case, identity) = (Case::new(), Identity::new());
    let current = identity.fingerprint();
    let many = (0..1_000).map(|number| ServerKeys {
        current: if number % 2 == 0 { current } else { key("another") },
        next: Some(key(&number.to_string())),
    });
    let (server, _requests) = start_announcing(&identity, many.collect());
    let others: ServerAddress = "chat.example.org".parse().unwrap();
    case.pins.pin(&others, key("others")).unwrap();
    case.sign_in(&server, case.trust()).await.close().await;
    assert_eq!(case.pin(&others), Some(Pin { key: key("others"), next: None }));
    let pin = case.pin(&server).unwrap();
    assert_eq!(pin.key, current);
    assert_eq!(std::fs::read_to_string(case.pins.path()).unwrap().lines().count(), 2);
}

#[tokio::test]
async fn the_announced_key_and_no_other_takes_the_place_of_the_pinned_one() {
    let case = Case::new();
    let [old, new, other] = [(); 3].map(|()| Identity::new());
    // All following servers have the same address, one after the other.
    let at = |identity: &Identity, address: &str, keys: ServerKeys| {
        let (asked, _) = mpsc::channel(16);
        start_at(address, &[ALPN], identity, move |connection| {
            announce(connection, vec![keys], asked.clone())
        })
    };
    let keys = ServerKeys { current: old.fingerprint(), next: Some(new.fingerprint()) };
    let server = at(&old, "127.0.0.1:0", keys);
    case.pins.pin(&server, old.fingerprint()).unwrap();
    case.pins.announce(&server, old.fingerprint(), Some(new.fingerprint())).unwrap();
    for (identity, address) in [(&new, "127.0.0.2"), (&other, "127.0.0.3")] {
        let address = format!("{address}:{}", server.port());
        let current = identity.fingerprint();
        let elsewhere = at(identity, &address, ServerKeys { current, next: None });
        case.pins.pin(&elsewhere, old.fingerprint()).unwrap();
        case.pins.announce(&elsewhere, old.fingerprint(), Some(new.fingerprint())).unwrap();
        let connected = Client::connect(&elsewhere, case.trust()).await;
        match connected {
            Ok(client) if current == new.fingerprint() => {
                assert_eq!(client.changed_key(), Some(current));
                assert_eq!(case.pin(&elsewhere), Some(Pin { key: current, next: None }));
                let again = Client::connect(&elsewhere, case.trust()).await.unwrap();
                assert_eq!((again.changed_key(), again.first_contact()), (None, None));
            }
            Err(ConnectError::Identity(IdentityError::Changed { pinned, .. })) => {
                assert_eq!((current, pinned), (other.fingerprint(), old.fingerprint()));
                let next = Some(new.fingerprint());
                assert_eq!(case.pin(&elsewhere), Some(Pin { key: pinned, next }));
            }
            unexpected => panic!("{unexpected:?}"),
        }
    }
    // As long as the old key is shown, it stays.
    let client = Client::connect(&server, case.trust()).await.unwrap();
    assert_eq!(client.changed_key(), None);
    assert_eq!(case.pin(&server).unwrap().key, old.fingerprint());
}
