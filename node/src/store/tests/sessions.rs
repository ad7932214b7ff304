//! The begin and end of sessions, and password changes.

use qchat_proto::limits::SESSIONS_MAX;
use qchat_proto::{ClientId, Refusal};

use super::promises::refusal;
use super::{TestStore, at, user};
use crate::store::CommitError;
use crate::store::changes::{
    EndSessions, PasswordOutcome, SessionSelection, SetPassword, StartSession, UseSession,
};
use crate::store::queries::{SessionRow, TokenHash, session_id};

fn token(number: u16) -> TokenHash {
    let mut token_hash = [0; 32];
    token_hash[..2].copy_from_slice(&number.to_be_bytes());
    token_hash
}

/// Starts alice's session with this number, at the time of this number, by a password with this hash.
fn start(number: u16, hash: &str) -> StartSession {
    let (token_hash, verified) = (token(number), hash.to_owned());
    StartSession {
        user: user("alice"),
        token_hash,
        verified,
        rehashed: None,
        online: Vec::new(),
        at: at(number.into()),
    }
}

/// A store with alice, bob, and alice's sessions with these numbers.
async fn store_with(sessions: &[u16]) -> TestStore {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    for number in sessions {
        let started = store.store.commit(start(*number, "")).await.unwrap();
        assert_eq!(started, PasswordOutcome::Done);
    }
    store
}

impl TestStore {
    async fn end(&self, name: &str, which: SessionSelection) -> Result<(), CommitError> {
        self.store.commit(EndSessions { user: user(name), which }).await
    }

    /// The numbers of alice's sessions.
    async fn numbers(&self) -> Vec<u16> {
        let rows = self.store.sessions(user("alice")).await.unwrap();
        let number = |hash: TokenHash| u16::from_be_bytes([hash[0], hash[1]]);
        rows.into_iter().map(|row| number(row.token_hash)).collect()
    }
}

fn change(id: ClientId, from: &str, to: &str) -> SetPassword {
    let (user, session) = (user("alice"), token(2));
    SetPassword { id, user, session, verified: from.into(), password_hash: to.into() }
}

#[tokio::test]
pub(in crate::store) async fn an_ended_session_stays_ended_and_the_oldest_session_is_evicted() {
    let most = u16::try_from(SESSIONS_MAX).unwrap();
    let numbers: Vec<u16> = (1..=most).collect();
    let store = store_with(&numbers).await;
    store.store.commit(UseSession { token_hash: token(1), at: at(1000) }).await.unwrap();
    store.store.commit(start(most + 1, "")).await.unwrap();
    let others: Vec<_> = [1].into_iter().chain(3..=most + 1).collect();
    assert_eq!(store.numbers().await, others);
    for _ in 0..2 {
        store.end("alice", SessionSelection::Token(token(most))).await.unwrap();
    }
    let store = store.reopened().await;
    assert_eq!(store.store.session(token(most)).await.unwrap(), None);
    let resumed = store.store.session(token(most + 1)).await.unwrap();
    let last = at((most + 1).into());
    let row = SessionRow { token_hash: token(most + 1), created: last, used: last };
    assert_eq!(resumed, Some((user("alice"), row)));
}

#[tokio::test]
pub(in crate::store) async fn sessions_that_are_online_or_were_used_again_are_evicted_last() {
    let most = u16::try_from(SESSIONS_MAX).unwrap();
    let store = store_with(&(1..=most).collect::<Vec<_>>()).await;
    store.store.commit(UseSession { token_hash: token(1), at: at(2) }).await.unwrap();
    for number in most + 1..=2 * most {
        let online = vec![token(2)];
        let start = StartSession { online, ..start(number, "") };
        store.store.commit(start).await.unwrap();
    }
    let kept: Vec<_> = [1, 2].into_iter().chain(most + 3..=2 * most).collect();
    assert_eq!(store.numbers().await, kept);
}

#[tokio::test]
pub(in crate::store) async fn of_two_sessions_with_one_id_the_later_stays() {
    let store = store_with(&[1, 2]).await;
    let mut twin = start(1, "");
    twin.token_hash[31] = 7;
    assert_eq!(session_id(&twin.token_hash), session_id(&token(1)));
    store.store.commit(twin.clone()).await.unwrap();
    assert_eq!(store.store.session(token(1)).await.unwrap(), None);
    assert!(store.store.session(twin.token_hash).await.unwrap().is_some());
    assert_eq!(store.numbers().await, [1, 2]);
}

#[tokio::test]
pub(in crate::store) async fn only_their_own_user_ends_sessions_one_by_one_or_all() {
    let store = store_with(&[1, 2, 3]).await;
    let id = session_id(&token(2));
    assert_eq!(
        refusal(store.end("bob", SessionSelection::Id(id)).await),
        Refusal::SessionNotFound(id)
    );
    store.end("bob", SessionSelection::All).await.unwrap();
    assert_eq!(store.numbers().await, [1, 2, 3]);
    store.end("alice", SessionSelection::Id(id)).await.unwrap();
    assert_eq!(store.numbers().await, [1, 3]);
    assert_eq!(
        refusal(store.end("alice", SessionSelection::Id(id)).await),
        Refusal::SessionNotFound(id)
    );
    store.end("alice", SessionSelection::All).await.unwrap();
    assert_eq!(store.reopened().await.numbers().await, [0; 0]);
}

#[tokio::test]
pub(in crate::store) async fn a_session_starts_only_by_the_current_password() {
    let store = store_with(&[2]).await;
    // Queued together, they are applied in this order in one transaction.
    let change = store.store.commit(change(ClientId::random(), "", "new"));
    let (changed, started) = tokio::join!(change, store.store.commit(start(3, "")));
    assert_eq!(changed.unwrap(), PasswordOutcome::Done);
    assert_eq!(started.unwrap(), PasswordOutcome::CheckAgain);
    let nobody = StartSession { user: user("nobody"), ..start(4, "") };
    assert_eq!(store.store.commit(nobody).await.unwrap(), PasswordOutcome::CheckAgain);
    let rehashed = StartSession { rehashed: Some("strong".into()), ..start(5, "new") };
    assert_eq!(store.store.commit(rehashed).await.unwrap(), PasswordOutcome::Done);
    assert_eq!(store.numbers().await, [2, 5]);
    let hash = store.store.password_hash(user("alice")).await.unwrap();
    assert_eq!(hash.as_deref(), Some("strong"));
}

#[tokio::test]
pub(in crate::store) async fn a_changed_password_ends_the_other_sessions_once() {
    let store = store_with(&[1, 2, 3]).await;
    let id = ClientId::random();
    let state = async || store.store.password_state(user("alice"), id).await.unwrap();
    assert!(!state().await.is_changed);
    store.store.commit(change(id, "", "new")).await.unwrap();
    assert_eq!(store.numbers().await, [2]);
    assert_eq!((state().await.is_changed, state().await.hash.as_deref()), (true, Some("new")));
    store.store.commit(start(4, "new")).await.unwrap();
    // A repetition after a lost answer, and a change that was checked against the old hash.
    for again in [change(id, "", "new"), change(ClientId::random(), "", "newer")] {
        assert_eq!(store.store.commit(again).await.unwrap(), PasswordOutcome::CheckAgain);
    }
    assert_eq!(store.numbers().await, [2, 4]);
    assert_eq!(state().await.hash.as_deref(), Some("new"));
}

#[tokio::test]
pub(in crate::store) async fn a_session_that_ended_meanwhile_changes_no_password() {
    let store = store_with(&[1]).await;
    let refused = store.store.commit(change(ClientId::random(), "", "new")).await;
    assert_eq!(refusal(refused), Refusal::NotLoggedIn);
    let others = SetPassword {
        user: user("bob"),
        session: token(1),
        ..change(ClientId::random(), "", "new")
    };
    assert_eq!(refusal(store.store.commit(others).await), Refusal::NotLoggedIn);
    assert_eq!(store.numbers().await, [1]);
}
