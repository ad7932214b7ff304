use std::collections::BTreeMap;
use std::path::Path;

use redb::ReadableDatabase;

use super::*;
use crate::store::embedded::{Snapshot, open};
use crate::store::interface::{Range, Read};
use crate::store::schema::logs;
use crate::store::{OpenError, Store};

/// A store of format 1: mailboxes and a group with some messages and files, written by version 0.1.0.
const STORE: &[u8] = include_bytes!("../../../../../tests/corpus/format1/qchat.redb");

/// The rows of a table of format 1, or of one that is the same in both formats.
type StoredRows = BTreeMap<Vec<u8>, Vec<u8>>;

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("qchat.redb"), STORE).unwrap();
    folder
}

/// The database in its old format.
fn old_database(folder: &Path) -> Database {
    open::builder().open(folder.join("qchat.redb")).unwrap()
}

fn rows_of(database: &Database, name: &'static str) -> StoredRows {
    let table: Definition = Definition::new(name);
    let table = database.begin_read().unwrap().open_table(table).unwrap();
    let mut rows = StoredRows::new();
    for row in table.iter().unwrap() {
        let (key, value) = row.unwrap();
        rows.insert(key.value().to_vec(), value.value().to_vec());
    }
    rows
}

/// The log and the sequence number in a key of format 1.
fn log_of(key: &[u8]) -> (Address, Sequence) {
    let (log, sequence) = key.split_last_chunk().unwrap();
    let name = std::str::from_utf8(&log[1..log.len() - 1]).unwrap();
    let log = match log[0] {
        b'@' => Address::User(name.parse().unwrap()),
        _ => Address::Group(name.parse().unwrap()),
    };
    (log, Sequence(u64::from_be_bytes(*sequence)))
}

#[test]
fn each_message_request_and_file_is_there_afterwards() {
    let folder = folder();
    let old = old_database(folder.path());
    let [logs, entries, requests, files] =
        ["logs", "entries", "requests", "files"].map(|name| rows_of(&old, name));
    let same = ["accounts", "members", "read_markers", "delivery_markers", "stored_files", "usage"];
    let before = same.map(|name| rows_of(&old, name));
    drop(old);
    let database = open::open_existing(folder.path()).unwrap();
    assert_eq!(same.map(|name| rows_of(&database, name)), before);
    let mut new = Snapshot::of(&database).unwrap();
    for (key, value) in &entries {
        let (log, sequence) = log_of(key);
        let entry: LogEntry = records::decode(value, "message").unwrap();
        assert_eq!(logs::entry(&mut new, &log, sequence).unwrap(), Some(entry));
    }
    for (log, last) in &logs {
        let (log, last) = (log_of(&row_of(log, Sequence(1))).0, records::decode(last, "log"));
        assert_eq!(logs::head(&mut new, &log).unwrap().last, last.unwrap());
    }
    let kept = new.range(&Range::all(Table::Messages)).unwrap().len();
    let sent = entries.iter().filter(|(key, value)| {
        let entry: LogEntry = records::decode(value, "message").unwrap();
        log_of(key) == (entry.to, entry.sequence)
    });
    assert_eq!(kept, sent.count());
    assert_eq!(new.range(&Range::all(Table::Effects)).unwrap().len(), requests.len());
    for (key, value) in &requests {
        let (user, id) = key.split_last_chunk::<16>().unwrap();
        let user = std::str::from_utf8(&user[..user.len() - 1]).unwrap().parse().unwrap();
        let key = keys::effect(&user, qchat_proto::ClientId(*id));
        let found: CommandEffect =
            rows::find(&mut new, Table::Effects, &key, "request").unwrap().unwrap();
        match (records::decode(value, "request").unwrap(), found) {
            (EffectOfFormat1::Message(log, sequence), CommandEffect::Message(key)) => {
                let entry = logs::message(&mut new, key).unwrap();
                assert_eq!((entry.to, entry.sequence, entry.from), (log, sequence, user));
            }
            (EffectOfFormat1::Group(old), CommandEffect::Group(new)) => assert_eq!(old, new),
            (EffectOfFormat1::Account, CommandEffect::Account) => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(files.len() > 8);
    for (key, sequence) in &files {
        let log =
            log_of(&row_of(key.split_inclusive(|byte| *byte == 0).next().unwrap(), Sequence(1))).0;
        let sequence = records::decode(sequence, "file").unwrap();
        let message: MessageKey =
            rows::find(&mut new, Table::FileNames, key, "file").unwrap().unwrap();
        let entry = logs::entry(&mut new, &log, sequence).unwrap().unwrap();
        assert_eq!(logs::message(&mut new, message).unwrap(), entry);
    }
}

#[tokio::test]
async fn a_store_is_brought_forward_once_and_goes_on() {
    let folder = folder();
    let alice = || "alice".parse().unwrap();
    for expected in [45, 46] {
        let store = Store::open(folder.path()).unwrap();
        assert_eq!(store.last(Address::User(alice())).await.unwrap(), Sequence(expected));
        let content = crate::store::changes::Content::Text("new".to_owned().try_into().unwrap());
        let (id, at) =
            (qchat_proto::ClientId::random(), qchat_proto::Timestamp::from_milliseconds(1));
        let to = Address::User(alice());
        let post = crate::store::changes::Post { id, from: alice(), to, at, content };
        store.commit(post).await.unwrap();
        store.close().await;
    }
}

#[test]
fn a_damaged_record_leaves_the_store_as_it_was() {
    let folder = folder();
    let old = old_database(folder.path());
    let entries = rows_of(&old, "entries");
    let transaction = old.begin_write().unwrap();
    let last = entries.keys().last().unwrap();
    transaction.open_table(ENTRIES).unwrap().insert(last.as_slice(), [9].as_slice()).unwrap();
    transaction.commit().unwrap();
    let entries = rows_of(&old, "entries");
    drop(old);
    let refused = open::open_existing(folder.path());
    assert!(matches!(refused, Err(OpenError::Damaged { .. })), "{refused:?}");
    let old = old_database(folder.path());
    assert_eq!(tables::format(&old).unwrap(), 1);
    assert_eq!(rows_of(&old, "entries"), entries);
}
