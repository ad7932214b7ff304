//! Records that are not what was written.

use std::fmt::Debug;
use std::sync::OnceLock;

use qchat_proto::command::FileQuery;
use qchat_proto::{Address, ClientId, MessageId, Sequence, Timestamp, UserName};
use redb::TableHandle;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CACHE_BYTES;
use crate::store::changes::{
    Change, EndSessions, ExpireFiles, JoinGroup, LeaveGroup, Mark, MarkMessages, Post,
    StartSession, Which,
};
use crate::store::error::StoreError;
use crate::store::queries::HistoryQuery;
use crate::store::records::{
    self, Account, Effect, Entry, Group, MarkedRanges, Membership, Session, StoredFile,
};
use crate::store::tests::disk::Disk;
use crate::store::tests::ledger::Ledger;
use crate::store::tests::machine::{Machine, Rows};
use crate::store::tests::random::Random;
use crate::store::tests::scenario::Scenario;
use crate::store::tests::{at, group, text, user};
use crate::store::{CommitError, Store, tables};

/// How many changes have made the store.
const STEPS: u64 = 120;

/// Reads bytes as a record of every kind: what is read is read again from how it is written.
pub(super) fn check_decoded(input: &[u8]) {
    check::<Account>(input);
    check::<Session>(input);
    check::<Group>(input);
    check::<Membership>(input);
    check::<Entry>(input);
    check::<StoredFile>(input);
    check::<Effect>(input);
    check::<MarkedRanges>(input);
    check::<Sequence>(input);
    check::<Timestamp>(input);
}

fn check<R: Serialize + DeserializeOwned + Debug>(input: &[u8]) {
    let Ok(record) = records::decode::<R>(input, "record") else { return };
    let bytes = records::encode(&record);
    let again = records::decode::<R>(&bytes, "record").map(|record| records::encode(&record));
    assert_eq!(again.ok(), Some(bytes), "{record:?}");
}

/// A store in which every kind of thing has happened, and its rows.
fn sound() -> &'static (Vec<u8>, Rows) {
    static SOUND: OnceLock<(Vec<u8>, Rows)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = Disk::with_empty_store();
        let machine = Machine::start(&disk, CACHE_BYTES).unwrap();
        let mut ledger = Ledger::new();
        let steps = Scenario::new(Random::new(7)).steps(STEPS, ledger.world());
        assert!(ledger.commit(&machine, &steps));
        let rows = machine.rows().unwrap();
        let tables = tables::ALL.iter().map(TableHandle::name);
        for table in tables {
            assert!(rows.keys().any(|(name, _)| name == table), "nothing in {table}");
        }
        drop(machine);
        (disk.content(), rows)
    })
}

/// Puts the bytes behind the first two into the row that those choose, and uses the store.
pub(super) async fn check_store(input: &[u8]) {
    let [high, low, value @ ..] = input else { return };
    let (content, rows) = sound();
    let row = (usize::from(*high) * 256 + usize::from(*low)) % rows.len();
    let (table, key) = rows.keys().nth(row).unwrap();
    let disk = Disk::holding(content);
    let machine = Machine::start(&disk, CACHE_BYTES).unwrap();
    let table = tables::ALL.iter().find(|definition| definition.name() == table).unwrap();
    machine.replace(*table, key, value);
    let store = machine.into_store();
    read(&store).await;
    change(&store).await;
    read(&store).await;
}

/// What was asked may be a fault, and no panic.
#[track_caller]
fn seen<T>(answer: Result<T, StoreError>) -> Option<T> {
    assert!(!matches!(answer, Err(StoreError::Panicked)), "a panic");
    answer.ok()
}

fn people() -> [UserName; 2] {
    [user("alice"), user("bob")]
}

async fn read(store: &Store) {
    seen(store.users(None).await);
    for reader in people() {
        seen(store.password_hash(reader.clone()).await);
        seen(store.sessions(reader.clone()).await);
        seen(store.groups(reader.clone(), None).await);
        seen(store.groups_of(reader.clone()).await);
        seen(store.members(reader.clone(), group("lab"), None).await);
        seen(store.may_upload(reader.clone(), Address::Group(group("lab"))).await);
        seen(store.earlier_upload(reader.clone(), ClientId([7; 16])).await);
        for log in [Address::User(reader.clone()), Address::Group(group("lab"))] {
            read_log(store, &reader, log).await;
        }
    }
}

async fn read_log(store: &Store, reader: &UserName, log: Address) {
    use qchat_proto::command::Selection::{Newest, Unread, UnreadAndNewest};
    for selection in [UnreadAndNewest(3), Newest(9), Unread] {
        let (reader, log) = (reader.clone(), log.clone());
        let query = HistoryQuery { reader, log, selection, from: None, before: None, page: None };
        seen(store.history(query).await);
    }
    seen(store.messages_after(reader.clone(), log.clone(), Sequence(1)).await);
    seen(store.file(reader.clone(), log.clone(), FileQuery::from("a.txt")).await);
    for place in 1..4 {
        let message = MessageId { log: log.clone(), sequence: Sequence(place) };
        seen(store.receipt(reader.clone(), message).await);
    }
}

/// What was changed may be a fault, and no panic.
async fn made<C: Change>(store: &Store, change: C) {
    if let Err(CommitError::Failed(fault) | CommitError::Unknown(fault)) =
        store.commit(change).await
    {
        assert!(!matches!(*fault, StoreError::Panicked), "a panic");
    }
}

async fn change(store: &Store) {
    let [alice, bob] = people();
    for log in [Address::User(alice.clone()), Address::Group(group("lab"))] {
        for mark in [Mark::Read, Mark::Delivered] {
            let ranges = [(0, 2), (2, 4), (1, u64::MAX)].map(|(first, last)| {
                qchat_proto::command::SequenceRange { first: Sequence(first), last: Sequence(last) }
            });
            let ranges = ranges.to_vec();
            made(store, MarkMessages { mark, user: alice.clone(), log: log.clone(), ranges }).await;
        }
        for from in people() {
            let (id, to) = (ClientId([200; 16]), log.clone());
            made(store, Post { id, from, to, at: at(9), content: text("hi") }).await;
        }
    }
    let names = ["0000000000002_a.txt".parse().unwrap()].to_vec();
    made(store, ExpireFiles { names, at: at(9) }).await;
    for name in ["lab", "ops"] {
        made(store, JoinGroup { group: group(name), user: bob.clone(), at: at(9) }).await;
        made(store, LeaveGroup { group: group(name), user: bob.clone() }).await;
    }
    let start = StartSession {
        user: alice.clone(),
        token_hash: [9; 32],
        verified: String::new(),
        rehashed: None,
        online: Vec::new(),
        at: at(9),
    };
    made(store, start).await;
    made(store, EndSessions { user: alice, which: Which::All }).await;
}

impl Machine {
    /// Writes a value as it is.
    fn replace(&self, table: tables::Definition, key: &[u8], value: &[u8]) {
        let transaction = self.database().begin_write().unwrap();
        transaction.open_table(table).unwrap().insert(key, value).unwrap();
        transaction.commit().unwrap();
    }
}
