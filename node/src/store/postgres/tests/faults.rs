//! Databases that die, freeze, or lose their answers, and what their servers make of it.

use std::sync::Arc;
use std::time::Duration;

use qchat_proto::{Address, ClientId, GroupName, Message, UserName};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::drivers::rows;
use super::local_server::{LocalServer, shared, signal};
use super::proxy::{Break, Proxy};
use super::{admin, membership};
use crate::store::changes::{CreateAccount, CreateGroup, JoinGroup, LeaveGroup, Post};
use crate::store::interface::Table;
use crate::store::postgres::StatementError;
use crate::store::schema::keys;
use crate::store::schema::places::LogHead;
use crate::store::schema::records::{self, LogEntry};
use crate::store::tests::{at, group, text, to, user};
use crate::store::{Change, CommitError, Store, StoreError};

/// The longest wait of these tests.
const PATIENCE: Duration = Duration::from_secs(60);

const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// A store in a new database, with accounts.
async fn store_with_users(url: &str, node: &str) -> Store {
    let store = Store::connect(membership(url, node)).unwrap();
    for name in PEOPLE {
        let (id, user) = (ClientId::random(), user(name));
        let account = CreateAccount { id, user, password_hash: String::new(), at: at(0) };
        store.commit(account).await.unwrap();
    }
    store
}

fn post(id: ClientId, from: &str, to: Address) -> Post {
    Post { id, from: user(from), to, at: at(1), content: text("hi") }
}

fn create_group(owner: &str, name: &str) -> CreateGroup {
    let (id, group, owner) = (ClientId::random(), group(name), user(owner));
    CreateGroup { id, group, owner, at: at(0) }
}

fn join(group: GroupName, user: UserName) -> JoinGroup {
    JoinGroup { group, user, at: at(2) }
}

/// Makes a change, and repeats it as a client does, until its outcome is known.
async fn commit_at_last<C: Change + Clone>(store: &Store, change: C) -> C::Outcome {
    loop {
        match store.commit(change.clone()).await {
            Ok(outcome) => return outcome,
            Err(CommitError::Refused(refusal)) => panic!("{refusal}"),
            Err(CommitError::Failed(_) | CommitError::Unknown(_)) => {}
        }
    }
}

/// Sends a signal to each process that serves qchat.
async fn signal_backends(server: &LocalServer, name: &str) {
    let admin = admin(server, "postgres").await;
    let pids = "SELECT pid FROM pg_stat_activity WHERE application_name = 'qchat'";
    for row in admin.query(pids, &[]).await.unwrap() {
        signal(name, &row.get::<_, i32>(0).to_string());
    }
}

/// Checks that each acknowledged message is at its place, once, and that the log is dense.
async fn check_log(
    server: &LocalServer,
    database: &str,
    log: &Address,
    messages: &[(ClientId, Message)],
) {
    let rows = rows(server, database).await;
    let here = rows.iter().filter(|((table, _), _)| *table == Table::Messages);
    let entries = here.map(|(_, row)| records::decode::<LogEntry>(row, "message").unwrap());
    let mut entries: Vec<_> = entries.filter(|entry| entry.to == *log).collect();
    entries.sort_by_key(|entry| entry.sequence);
    let head: LogHead = records::decode(&rows[&(Table::Heads, keys::log(log))], "log").unwrap();
    let numbers = entries.iter().map(|entry| entry.sequence.0);
    assert!(numbers.eq(1..=head.last.0), "a log that is not dense");
    let ids: Vec<_> = entries.into_iter().map(|entry| entry.id).collect();
    for (id, message) in messages {
        let places: Vec<_> = (1..).zip(&ids).filter(|(_, found)| *found == id).collect();
        assert_eq!(places, [(message.id.sequence.0, id)]);
    }
}

#[tokio::test]
async fn nothing_acknowledged_is_lost_or_doubled_when_the_database_is_killed() {
    let Some(mut server) = LocalServer::start("fsync=off") else { return };
    let (url, name) = server.database();
    let store = Arc::new(store_with_users(&url, "a").await);
    let (acknowledge, mut acknowledged) = mpsc::unbounded_channel();
    let senders = ["alice", "carol", "dave"].map(|from| {
        let (store, acknowledge) = (Arc::clone(&store), acknowledge.clone());
        tokio::spawn(async move {
            let mut messages = Vec::new();
            for _ in 0..150 {
                let id = ClientId::random();
                let message = commit_at_last(&store, post(id, from, to("bob"))).await;
                acknowledge.send(()).unwrap();
                messages.push((id, message));
            }
            messages
        })
    });
    for _ in 0..3 {
        for _ in 0..80 {
            timeout(PATIENCE, acknowledged.recv()).await.unwrap();
        }
        server.signal("KILL");
        server = tokio::task::spawn_blocking(|| {
            server.run_again();
            server
        })
        .await
        .unwrap();
    }
    let mut messages = Vec::new();
    for sender in senders {
        messages.extend(timeout(PATIENCE, sender).await.unwrap().unwrap());
    }
    assert_eq!(messages.len(), 450);
    check_log(&server, &name, &to("bob"), &messages).await;
    let last = store.last(to("bob")).await.unwrap();
    assert_eq!(last.0, 450, "queries go on as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_without_its_answer_is_looked_up_and_not_made_again() {
    let Some(server) = shared() else { return };
    let (_, name) = server.database();
    let proxy = Proxy::start(server).await;
    let store = store_with_users(&proxy.url(&name), "a").await;
    store.commit(create_group("alice", "lab")).await.unwrap();
    for (how, member) in [(Break::AfterCommit, "bob"), (Break::BeforeCommit, "carol")] {
        proxy.arm(how);
        // Joining again would give another outcome.
        let joined = store.commit(join(group("lab"), user(member)));
        let joined = timeout(PATIENCE, joined).await.unwrap().unwrap();
        assert!(proxy.has_broken(), "{how:?}");
        assert_eq!(format!("{joined:?}"), "Joined", "{how:?}");
    }
    for member in ["bob", "carol"] {
        let again = store.commit(join(group("lab"), user(member))).await.unwrap();
        assert_eq!(format!("{again:?}"), "WasMember");
    }
}

#[tokio::test]
async fn a_process_whose_name_was_taken_writes_no_more() {
    let Some(server) = shared() else { return };
    let (url, name) = server.database();
    let store = store_with_users(&url, "a").await;
    let before = rows(server, &name).await;
    let admin = admin(server, &name).await;
    let taken = "UPDATE writer SET incarnation = (incarnation / 1048576 + 1) * 1048576";
    admin.batch_execute(taken).await.unwrap();
    let error = store.commit(post(ClientId::random(), "alice", to("bob"))).await.unwrap_err();
    let CommitError::Failed(error) = error else { panic!("{error:?}") };
    let is_taken =
        matches!(&*error, StoreError::Postgres(StatementError::NameTaken(name)) if name == "a");
    assert!(is_taken, "{error:?}");
    timeout(PATIENCE, store.name_taken()).await.unwrap();
    assert_eq!(rows(server, &name).await, before);
}

#[tokio::test]
async fn a_repetition_at_another_server_gets_the_first_answer() {
    let Some(server) = shared() else { return };
    let (url, _) = server.database();
    let a = store_with_users(&url, "a").await;
    let b = Store::connect(membership(&url, "b")).unwrap();
    a.commit(create_group("alice", "lab")).await.unwrap();
    let id = ClientId::random();
    let first = a.commit(post(id, "alice", to("bob"))).await.unwrap();
    assert_eq!(b.commit(post(id, "alice", to("bob"))).await.unwrap(), first);
    // A refusal inserts no id, so nothing but reading can find the earlier one.
    let (id, lab) = (ClientId::random(), Address::Group(group("lab")));
    let first = b.commit(post(id, "alice", lab.clone())).await.unwrap();
    a.commit(LeaveGroup { group: group("lab"), user: user("alice") }).await.unwrap();
    assert_eq!(b.commit(post(id, "alice", lab)).await.unwrap(), first);
}

#[tokio::test]
async fn a_frozen_connection_is_left_in_time_and_its_commit_is_looked_up() {
    let Some(server) = LocalServer::start("fsync=off") else { return };
    let (url, name) = server.database();
    let store = Arc::new(store_with_users(&url, "a").await);
    signal_backends(&server, "STOP").await;
    let id = ClientId::random();
    let sent = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { commit_at_last(&store, post(id, "alice", to("bob"))).await })
    };
    let message = timeout(PATIENCE, sent).await.unwrap().unwrap();
    signal_backends(&server, "CONT").await;
    check_log(&server, &name, &to("bob"), &[(id, message)]).await;
}

/// A commit of somebody else.
async fn probe(server: &LocalServer) -> impl Future<Output = ()> + use<> {
    let admin = admin(server, "postgres").await;
    async move {
        let _ = admin.batch_execute("CREATE TABLE probe (); DROP TABLE probe").await;
    }
}

#[tokio::test]
async fn a_commit_that_did_not_wait_for_its_standby_is_not_acknowledged() {
    let Some(server) = LocalServer::start("fsync=off") else { return };
    let (url, name) = server.database();
    let store = Arc::new(store_with_users(&url, "a").await);
    let admin = admin(&server, "postgres").await;
    let set_standby = async |standby: &str| {
        let set = format!("ALTER SYSTEM SET synchronous_standby_names = '{standby}'");
        admin.batch_execute(&set).await.unwrap();
        admin.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    };
    set_standby("nobody").await;
    // The setting is in force once a commit waits.
    let waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let mut probe = tokio::spawn(probe(&server).await);
    while admin.query(waits, &[]).await.unwrap().is_empty() {
        if probe.is_finished() {
            probe = tokio::spawn(self::probe(&server).await);
        }
    }
    let id = ClientId::random();
    let sent = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { commit_at_last(&store, post(id, "alice", to("bob"))).await })
    };
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity \
        WHERE wait_event = 'SyncRep' AND application_name = 'qchat'";
    let mut cancelled = 0;
    while cancelled < 3 {
        cancelled += admin.query(cancel, &[]).await.unwrap().len();
        assert!(!sent.is_finished(), "acknowledged without its standby");
    }
    set_standby("").await;
    let message = timeout(PATIENCE, sent).await.unwrap().unwrap();
    check_log(&server, &name, &to("bob"), &[(id, message)]).await;
}
