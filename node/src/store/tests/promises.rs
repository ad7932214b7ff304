//! Changes are made once, in order, with permission, and survive a restart.

use qchat_proto::{Address, ClientId, Digest, File, FilePath, Refusal, StoredName};

use super::{TestStore, at, group, text, to, user};
use crate::store::changes::{
    Content, CreateAccount, CreateGroup, JoinGroup, LeaveGroup, Naming, Post,
};
use crate::store::{CommitError, OpenError, Store, StoreError};

#[track_caller]
pub(super) fn refusal<T: std::fmt::Debug>(result: Result<T, CommitError>) -> Refusal {
    match result {
        Err(CommitError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
pub(in crate::store) async fn a_repeated_send_returns_the_first_answer_also_after_a_restart() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let id = ClientId::random();
    let first = store.post(id, "alice", to("bob"), "hi").await.unwrap();
    let again = store.post(id, "alice", to("bob"), "hi").await.unwrap();
    let store = store.reopened().await;
    let later = store.post(id, "alice", to("bob"), "hi").await.unwrap();
    assert_eq!(first, again);
    assert_eq!(first, later);
    let next = store.post(ClientId::random(), "alice", to("bob"), "hi").await.unwrap();
    assert_eq!(next.id.sequence, first.id.sequence.next());
}

#[tokio::test]
pub(in crate::store) async fn repetitions_in_one_batch_are_one_message() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let id = ClientId::random();
    let post = || store.post(id, "alice", to("bob"), "hi");
    let (one, two, three) = tokio::join!(post(), post(), post());
    assert_eq!(one.unwrap(), two.unwrap());
    assert_eq!(three.unwrap().id.sequence.0, 1);
}

#[tokio::test]
pub(in crate::store) async fn an_id_stands_for_one_content_of_one_sender() {
    let store = TestStore::with_users(&["alice", "bob", "carol"]).await;
    let id = ClientId::random();
    store.post(id, "alice", to("bob"), "hi").await.unwrap();
    let other_text = store.post(id, "alice", to("bob"), "ho").await;
    assert_eq!(refusal(other_text), Refusal::IdReused);
    let other_receiver = store.post(id, "alice", to("carol"), "hi").await;
    assert_eq!(refusal(other_receiver), Refusal::IdReused);
    let create = CreateGroup { id, group: group("lab"), owner: user("alice"), at: at(0) };
    assert_eq!(refusal(store.store.commit(create).await), Refusal::IdReused);
    let other_sender = store.post(id, "carol", to("bob"), "hi").await.unwrap();
    assert_eq!(other_sender.id.sequence.0, 2);
}

#[tokio::test]
pub(in crate::store) async fn an_id_stands_for_one_name_in_one_folder() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let id = ClientId::random();
    let post = async |original: &str, milliseconds| {
        let original = FilePath::from(original);
        let name = StoredName::new(at(milliseconds), original.name());
        let file = File { name, original, size: 0, digest: Digest([0; 32]) };
        let content = Content::File { file, quota: None, naming: Naming::Given };
        store
            .store
            .commit(Post { id, from: user("alice"), to: to("bob"), at: at(1), content })
            .await
    };
    let first = post("photos/a.jpg", 1).await.unwrap();
    assert_eq!(post("photos/a.jpg", 2).await.unwrap(), first);
    for (other, milliseconds) in [("photos/2024/a.jpg", 3), ("a.jpg", 4), ("photos/b.jpg", 5)] {
        assert_eq!(refusal(post(other, milliseconds).await), Refusal::IdReused, "{other}");
    }
}

#[tokio::test]
pub(in crate::store) async fn accounts_and_groups_are_made_once() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let id = ClientId::random();
    let account =
        |id| CreateAccount { id, user: user("carol"), password_hash: "x".into(), at: at(0) };
    store.store.commit(account(id)).await.unwrap();
    store.store.commit(account(id)).await.unwrap();
    let taken = store.store.commit(account(ClientId::random())).await;
    assert_eq!(refusal(taken), Refusal::UserExists(user("carol")));
    let make = |id| CreateGroup { id, group: group("lab"), owner: user("alice"), at: at(0) };
    store.store.commit(make(id)).await.unwrap();
    store.store.commit(make(id)).await.unwrap();
    let taken = store.store.commit(make(ClientId::random())).await;
    assert_eq!(refusal(taken), Refusal::GroupExists(group("lab")));
    let (groups, _) = store.store.groups(user("bob"), None).await.unwrap();
    assert_eq!(groups[0].members, 1);
}

#[tokio::test]
pub(in crate::store) async fn permission_is_that_of_the_moment_when_the_change_is_made() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    store.make_group("alice", "lab").await;
    let lab = || Address::Group(group("lab"));
    let outside = store.post(ClientId::random(), "bob", lab(), "hi").await;
    assert_eq!(refusal(outside), Refusal::NotAMember(group("lab")));
    let missing = store.post(ClientId::random(), "bob", Address::Group(group("lap")), "hi").await;
    assert_eq!(refusal(missing), Refusal::GroupNotFound(group("lap")));
    let join = JoinGroup { group: group("lab"), user: user("bob"), at: at(0) };
    store.store.commit(join).await.unwrap();
    store.post(ClientId::random(), "bob", lab(), "hi").await.unwrap();
    // Queued together, they are applied in this order in one transaction.
    let leave = LeaveGroup { group: group("lab"), user: user("bob") };
    let post = Post {
        id: ClientId::random(),
        from: user("bob"),
        to: lab(),
        at: at(0),
        content: text("hi"),
    };
    let (left, posted) = tokio::join!(store.store.commit(leave), store.store.commit(post));
    left.unwrap();
    assert_eq!(refusal(posted), Refusal::NotAMember(group("lab")));
}

#[tokio::test]
async fn an_open_store_whose_disk_is_gone_is_not_created_again() {
    let test = TestStore::with_users(&["alice"]).await;
    let file = test.folder.path().join("qchat.redb");
    let elsewhere = test.folder.path().join("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    let error = test.store.database().reopen().unwrap_err();
    assert!(matches!(error, StoreError::Open(OpenError::Gone(path)) if path == file));
    assert!(test.store.password_hash(user("alice")).await.is_err());
    let posted = test.post(ClientId::random(), "alice", to("alice"), "hi").await;
    assert!(matches!(posted, Err(CommitError::Failed(_))));
    assert!(!file.exists());
    std::fs::rename(&elsewhere, &file).unwrap();
    assert!(test.store.password_hash(user("alice")).await.unwrap().is_some());
}

#[tokio::test]
async fn a_store_can_be_opened_only_once() {
    let store = TestStore::with_users(&[]).await;
    assert!(matches!(Store::open(store.folder.path()), Err(OpenError::InUse(_))));
    store.reopened().await;
}

#[tokio::test]
async fn an_interrupted_creation_starts_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("qchat.redb.new"), "half a store").unwrap();
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.users(None).await.unwrap(), (Vec::new(), false));
}

#[tokio::test]
pub(in crate::store) async fn a_user_with_the_most_groups_can_leave_one_and_join_another() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let create = |name: &str, owner: &str| {
        let (id, group, owner) = (ClientId::random(), group(name), user(owner));
        store.store.commit(CreateGroup { id, group, owner, at: at(0) })
    };
    let names: Vec<_> = (0..500).map(|number| format!("g{number}")).collect();
    for name in &names {
        create(name, "alice").await.unwrap();
    }
    create("lab", "bob").await.unwrap();
    let join = || {
        let (group, user) = (group("lab"), user("alice"));
        store.store.commit(JoinGroup { group, user, at: at(0) })
    };
    assert_eq!(refusal(create("one-more", "alice").await), Refusal::TooManyGroups(500));
    assert_eq!(refusal(join().await), Refusal::TooManyGroups(500));
    let leave = LeaveGroup { group: group("g7"), user: user("alice") };
    store.store.commit(leave).await.unwrap();
    join().await.unwrap();
}

#[tokio::test]
pub(in crate::store) async fn a_repeated_creation_of_a_group_notifies_nobody() {
    let store = TestStore::with_users(&["alice"]).await;
    let (notified, received) = std::sync::mpsc::channel();
    store.store.on_change(move |notification| notified.send(notification).unwrap());
    let id = ClientId::random();
    let create = || CreateGroup { id, group: group("lab"), owner: user("alice"), at: at(0) };
    store.store.commit(create()).await.unwrap();
    assert_eq!(received.try_iter().count(), 2, "the membership, and the mailbox of the owner");
    store.store.commit(create()).await.unwrap();
    assert_eq!(received.try_iter().count(), 0);
}
