use argon2::{Argon2, Params, PasswordHasher};
use qchat_proto::command::ChangePassword;
use qchat_proto::{ClientId, Password, SessionToken, Timestamp};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::auth::{Caller, Origin, Passwords, SignedOut};
use crate::config::Limits;
use crate::error::CommandError;
use crate::files::FileStore;
use crate::store::Store;
use crate::store::changes::{CreateAccount, EndSessions, SessionSelection, StartSession};

/// How often a race is run.
const RACES: usize = 300;

/// The state of a server on which alice has an account.
struct TestServer {
    state: Arc<ServerState>,
    _folder: TempDir,
}

impl TestServer {
    async fn with_alice(password_hash: String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let file_store = FileStore::open(&folder.path().join("upload"), folder.path()).unwrap();
        let limits = Limits::default();
        let passwords = Passwords::new(limits.accounts_per_hour).unwrap();
        let state = ServerState::new(limits, store, file_store, passwords);
        let (id, at) = (ClientId::random(), Timestamp::from_milliseconds(1));
        let account = CreateAccount { id, user: alice(), password_hash, at };
        state.store.commit(account).await.unwrap();
        Self { state: Arc::new(state), _folder: folder }
    }

    /// A new session of alice in the store.
    async fn begin(&self) -> TokenHash {
        let (token_hash, at) =
            (blake3::hash(SessionToken::random().expose()).into(), Timestamp::from_milliseconds(1));
        let (user, verified) = (alice(), String::new());
        let start =
            StartSession { user, token_hash, verified, rehashed: None, online: Vec::new(), at };
        self.state.commit_ending(&alice(), start).await.unwrap();
        token_hash
    }

    async fn end(&self, token_hash: TokenHash) {
        let end = EndSessions { user: alice(), which: SessionSelection::Token(token_hash) };
        self.state.commit_ending(&alice(), end).await.unwrap();
    }

    /// A connection that signs in by this token now.
    async fn connect(&self, token_hash: TokenHash) -> (Arc<Session>, CommandResult<()>) {
        let session = Arc::<Session>::default();
        let signed_in = self.state.sign_in(&session, alice(), token_hash).await;
        (session, signed_in)
    }

    #[track_caller]
    fn check_signed_out(&self, session: &Session) {
        assert!(SignedOut::admit(session).is_ok(), "a ended token is signed in");
        assert!(!self.state.presence.is_online(&alice()));
        assert!(self.state.sessions.is_empty());
    }
}

fn alice() -> UserName {
    "alice".parse().unwrap()
}

fn origin() -> Origin {
    Origin { network: [192, 0, 2, 1].into(), user: alice() }
}

fn password(text: &str) -> Password {
    text.to_owned().try_into().unwrap()
}

fn weak_hash(text: &str) -> String {
    let weak = Argon2::from(Params::new(8 * 1024, 1, 1, None).unwrap());
    weak.hash_password(text.as_bytes()).unwrap().to_string()
}

#[tokio::test]
async fn a_session_that_ends_ends_on_its_connections_and_on_no_other() {
    let server = TestServer::with_alice(String::new()).await;
    let (lost, kept) = (server.begin().await, server.begin().await);
    let (phone, _) = server.connect(lost).await;
    let (desk, _) = server.connect(lost).await;
    let (laptop, _) = server.connect(kept).await;
    let watching = SignedIn::admit(&phone).unwrap().ended;
    server.end(lost).await;
    assert!(watching.is_cancelled());
    assert!(SignedOut::admit(&phone).is_ok() && SignedOut::admit(&desk).is_ok());
    assert_eq!(SignedIn::admit(&laptop).unwrap().token_hash, kept);
    assert!(server.state.presence.is_online(&alice()));
    laptop.sign_out();
    server.check_signed_out(&laptop);
}

#[tokio::test]
async fn a_connection_that_is_signed_in_anew_outlives_its_earlier_session() {
    let server = TestServer::with_alice(String::new()).await;
    let (earlier, later) = (server.begin().await, server.begin().await);
    let (session, _) = server.connect(earlier).await;
    session.sign_out();
    server.state.sign_in(&session, alice(), later).await.unwrap();
    session.sign_out_of(&earlier);
    assert_eq!(SignedIn::admit(&session).unwrap().token_hash, later);
}

#[tokio::test]
async fn a_token_that_ended_since_it_was_looked_up_signs_nobody_in() {
    let server = TestServer::with_alice(String::new()).await;
    let token_hash = server.begin().await;
    server.end(token_hash).await;
    let (session, signed_in) = server.connect(token_hash).await;
    assert!(matches!(signed_in, Err(CommandError::Refused(Refusal::SessionEnded))));
    server.check_signed_out(&session);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resume_beside_the_end_of_its_session_leaves_nobody_signed_in() {
    let server = Arc::new(TestServer::with_alice(String::new()).await);
    for round in 0..RACES {
        let token_hash = server.begin().await;
        let ending = tokio::spawn({
            let server = Arc::clone(&server);
            async move { server.end(token_hash).await }
        });
        // In later rounds the sign-in comes later: at first before the session ends, at last after it.
        for _ in 0..round * 20 {
            tokio::task::yield_now().await;
        }
        // A short sign-in is no fault.
        let (session, _) = server.connect(token_hash).await;
        ending.await.unwrap();
        server.check_signed_out(&session);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_begins_beside_the_end_of_another_stays() {
    let server = Arc::new(TestServer::with_alice(String::new()).await);
    for _ in 0..RACES {
        let earlier = server.begin().await;
        let (_phone, _) = server.connect(earlier).await;
        let ending = tokio::spawn({
            let server = Arc::clone(&server);
            async move { server.end(earlier).await }
        });
        let later = server.begin().await;
        let (laptop, signed_in) = server.connect(later).await;
        signed_in.unwrap();
        ending.await.unwrap();
        assert_eq!(SignedIn::admit(&laptop).unwrap().token_hash, later);
        server.end(later).await;
    }
}

#[tokio::test]
async fn a_weak_hash_is_replaced_when_its_user_signs_in() {
    let weak = weak_hash("hunter2");
    let server = TestServer::with_alice(weak.clone()).await;
    let known = async || server.state.store.password_hash(alice()).await.unwrap().unwrap();
    let start = async |text| server.state.start_session(&origin(), &password(text)).await;
    assert!(matches!(start("wrong").await, Err(CommandError::Refused(Refusal::BadCredentials))));
    assert_eq!(known().await, weak);
    start("hunter2").await.unwrap();
    let strong = known().await;
    assert!(strong.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{strong}");
}

#[tokio::test]
async fn two_first_sign_ins_with_a_weak_hash_both_succeed() {
    let server = TestServer::with_alice(weak_hash("hunter2")).await;
    let hunter = password("hunter2");
    let start = async || server.state.start_session(&origin(), &hunter).await;
    let (one, two) = tokio::join!(start(), start());
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(server.state.store.sessions(alice()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_repeated_change_of_a_password_is_answered_as_the_first_and_locks_nobody_out() {
    let first = Argon2::default().hash_password(b"first").unwrap().to_string();
    let server = TestServer::with_alice(first).await;
    let token = server.state.start_session(&origin(), &password("first")).await.unwrap();
    let token_hash = blake3::hash(token.expose()).into();
    let caller = SignedIn { user: alice(), token_hash, ended: CancellationToken::new() };
    let change = async |id, old, new| {
        let change = ChangePassword { id, old: password(old), new: password(new) };
        match server.state.change_password(&caller, origin().network, change).await {
            Ok(()) => "done",
            Err(CommandError::Refused(refusal)) => refusal.code().as_str(),
            Err(error) => panic!("{error:?}"),
        }
    };
    let id = ClientId::random();
    assert_eq!(change(id, "wrong", "second").await, "bad_credentials");
    // The repetition may be at work at the same time as the first.
    let both = tokio::join!(change(id, "first", "second"), change(id, "first", "second"));
    assert_eq!(both, ("done", "done"));
    assert_eq!(change(id, "first", "second").await, "done");
    // Success is only reported for the current password.
    assert_eq!(change(id, "first", "other").await, "id_reused");
    assert_eq!(change(ClientId::random(), "first", "second").await, "bad_credentials");
    assert_eq!(change(ClientId::random(), "second", "third").await, "done");
    assert_eq!(change(id, "first", "second").await, "id_reused");
    let third = server.state.start_session(&origin(), &password("third")).await;
    assert!(third.is_ok());
}
