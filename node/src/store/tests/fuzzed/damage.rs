//! Damaged records.

use std::fmt::Debug;
use std::sync::OnceLock;

use bytes::Bytes;
use qchat_proto::command::FileQuery;
use qchat_proto::{Address, ClientId, MessageId, Sequence, Timestamp, UserName};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::CACHE_BYTES;
use crate::store::changes::{
    EndSessions, ExpireFiles, JoinGroup, LeaveGroup, Mark, MarkMessages, Post, SessionSelection,
    StartSession,
};
use crate::store::embedded::tables::WriteTables;
use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::{Table, Write};
use crate::store::queries::HistoryQuery;
use crate::store::schema::places::{LogHead, MessageKey, Places};
use crate::store::schema::range_set::RangeSet;
use crate::store::schema::records::{
    self, AccountRecord, CommandEffect, GroupRecord, LogEntry, MembershipRecord, SessionRecord,
    StoredFileRecord,
};
use crate::store::tests::change_generator::ChangeGenerator;
use crate::store::tests::disk_faults::disk::SimulatedDisk;
use crate::store::tests::disk_faults::disk_store::{DiskStore, TableContents};
use crate::store::tests::possible_states::PossibleStates;
use crate::store::tests::random::Random;
use crate::store::tests::{at, group, text, user};
use crate::store::{Change, CommitError, Store};

/// The number of changes that fill the store.
const STEPS: u64 = 120;

/// Decodes the bytes as a record of every kind. A record that decodes must decode again after it is encoded.
pub(super) fn check_decoded(input: &[u8]) {
    check::<AccountRecord>(input);
    check::<SessionRecord>(input);
    check::<GroupRecord>(input);
    check::<MembershipRecord>(input);
    check::<LogEntry>(input);
    check::<StoredFileRecord>(input);
    check::<CommandEffect>(input);
    check::<RangeSet>(input);
    check::<LogHead>(input);
    check::<Places>(input);
    check::<MessageKey>(input);
    check::<Timestamp>(input);
}

fn check<R: Serialize + DeserializeOwned + Debug>(input: &[u8]) {
    let Ok(record) = records::decode::<R>(input, "record") else { return };
    let bytes = records::encode(&record);
    let again = records::decode::<R>(&bytes, "record").map(|record| records::encode(&record));
    assert_eq!(again.ok(), Some(bytes), "{record:?}");
}

/// A store with rows in every table, and those rows.
fn sound() -> &'static (Vec<u8>, TableContents) {
    static SOUND: OnceLock<(Vec<u8>, TableContents)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = SimulatedDisk::with_empty_store();
        let disk_store = DiskStore::start(&disk, CACHE_BYTES).unwrap();
        let mut states = PossibleStates::new();
        let steps = ChangeGenerator::new(Random::new(7)).steps(STEPS, states.model());
        assert!(states.commit(&disk_store, &steps));
        let rows = disk_store.rows().unwrap();
        for table in Table::ALL {
            assert!(rows.keys().any(|(found, _)| found == table), "nothing in {table:?}");
        }
        drop(disk_store);
        (disk.content(), rows)
    })
}

/// Writes the bytes after the first two into the row that the first two choose, and uses the store.
pub(super) async fn check_store(input: &[u8]) {
    let [high, low, value @ ..] = input else { return };
    let (content, rows) = sound();
    let row = (usize::from(*high) * 256 + usize::from(*low)) % rows.len();
    let (table, key) = rows.keys().nth(row).unwrap();
    let disk = SimulatedDisk::holding(content);
    let disk_store = DiskStore::start(&disk, CACHE_BYTES).unwrap();
    disk_store.replace(*table, key, value);
    let store = disk_store.into_store();
    read(&store).await;
    change(&store).await;
    read(&store).await;
}

/// A query may return an error, but must not panic.
#[track_caller]
fn check_no_panic<T>(answer: Result<T, StoreError>) -> Option<T> {
    assert!(!matches!(answer, Err(StoreError::Panicked)), "a panic");
    answer.ok()
}

fn people() -> [UserName; 2] {
    [user("alice"), user("bob")]
}

async fn read(store: &Store) {
    check_no_panic(store.users(None).await);
    for reader in people() {
        check_no_panic(store.password_hash(reader.clone()).await);
        check_no_panic(store.sessions(reader.clone()).await);
        check_no_panic(store.groups(reader.clone(), None).await);
        check_no_panic(store.groups_of(reader.clone()).await);
        check_no_panic(store.members(reader.clone(), group("lab"), None).await);
        check_no_panic(store.may_upload(reader.clone(), Address::Group(group("lab"))).await);
        check_no_panic(store.earlier_upload(reader.clone(), ClientId([7; 16])).await);
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
        check_no_panic(store.history(query).await);
    }
    check_no_panic(store.messages_after(reader.clone(), log.clone(), Sequence(1)).await);
    check_no_panic(store.file(reader.clone(), log.clone(), FileQuery::from("a.txt")).await);
    for place in 1..4 {
        let message = MessageId { log: log.clone(), sequence: Sequence(place) };
        check_no_panic(store.receipt(reader.clone(), message).await);
    }
}

/// A change may return an error, but must not panic.
async fn commit<C: Change>(store: &Store, change: C) {
    if let Err(CommitError::Failed(error) | CommitError::Unknown(error)) =
        store.commit(change).await
    {
        assert!(!matches!(*error, StoreError::Panicked), "a panic");
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
            commit(store, MarkMessages { mark, user: alice.clone(), log: log.clone(), ranges })
                .await;
        }
        for from in people() {
            let (id, to) = (ClientId([200; 16]), log.clone());
            commit(store, Post { id, from, to, at: at(9), content: text("hi") }).await;
        }
    }
    let names = ["0000000000002_a.txt".parse().unwrap()].to_vec();
    commit(store, ExpireFiles { names, at: at(9) }).await;
    for name in ["lab", "ops"] {
        commit(store, JoinGroup { group: group(name), user: bob.clone(), at: at(9) }).await;
        commit(store, LeaveGroup { group: group(name), user: bob.clone() }).await;
    }
    let start = StartSession {
        user: alice.clone(),
        token_hash: [9; 32],
        verified: String::new(),
        rehashed: None,
        online: Vec::new(),
        at: at(9),
    };
    commit(store, start).await;
    commit(store, EndSessions { user: alice, which: SessionSelection::All }).await;
}

impl DiskStore {
    /// Replaces the bytes of a row.
    fn replace(&self, table: Table, key: &[u8], value: &[u8]) {
        let transaction = self.database().begin_write().unwrap();
        let mut tables = WriteTables::of(&transaction, FreeSpaceNow::unlimited());
        tables.put(table, key, Bytes::copy_from_slice(value)).unwrap();
        drop(tables);
        transaction.commit().unwrap();
    }
}
