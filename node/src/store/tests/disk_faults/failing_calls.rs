//! Fault injection: each call to the disk fails once, as on a full disk.
//!
//! After an I/O error redb fails every later call, until the store is reopened. All changes with an outcome stay, and
//! the server reopens the store by itself.

use std::error::Error;
use std::path::PathBuf;
use std::sync::OnceLock;

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, ClientId, Digest, File, FileName, Refusal, Sequence, StoredName, UserName,
};
use redb::Database;

use super::disk::{Fault, SimulatedDisk};
use super::disk_store::{DiskStore, TableContents, database_on, difference, rows_of};
use super::outcome_counts::OutcomeCounts;
use crate::store::changes::{
    Content, CreateAccount, CreateGroup, EndSessions, JoinGroup, LeaveGroup, Mark, MarkMessages,
    Naming, Post, SessionSelection, SetPassword, StartSession, UseSession,
};
use crate::store::embedded::{ReopeningDatabase, WritesInMemory, open, write_or_reopen};
use crate::store::free_space::FreeSpaceNow;
use crate::store::tests::model::{Model, Step};
use crate::store::tests::possible_states::{ALL_ANSWERED, NOT_THERE, PossibleStates, THERE};
use crate::store::tests::random::Random;
use crate::store::tests::{at, group, text, to, user};
use crate::store::{CommitError, OpenError, Store};

const CACHE_BYTES: usize = 1024 * 1024;

/// The event after the failed call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextEvent {
    /// The program restarts, and finds all writes.
    Restart,
    /// The power fails, and unsynced writes are lost.
    PowerCut,
}

#[test]
fn a_failed_call_loses_no_answered_change_and_doubles_no_unanswered_one() {
    let calls = calls_of_all_batches();
    assert!(calls > 100, "only {calls} calls");
    let counts = OutcomeCounts::default();
    for call in 1..=calls {
        for next_event in [NextEvent::Restart, NextEvent::PowerCut] {
            println!("call {call} of {calls} fails; then {next_event:?}");
            check(call, next_event, &counts);
        }
    }
    counts.check(&[ALL_ANSWERED, NOT_THERE, THERE]);
}

#[test]
fn a_store_recovers_from_one_io_error_without_a_restart() {
    let mut failed = 0;
    for call in 1..=calls_of_all_batches() {
        println!("call {call} fails");
        let disk = SimulatedDisk::with_empty_store();
        disk.plan(call, Fault::CallFails);
        let Ok(database) = reopening_database_on(&disk, CACHE_BYTES) else { continue };
        for batch in batches() {
            let tries = (1..3).find(|_| is_done(&database, &batch));
            failed += tries.expect("a disk fails once") - 1;
        }
        let rows = database.write(|database| Ok(rows_of(database).unwrap())).unwrap();
        assert_eq!(difference(&rows, &expected_contents()), None);
    }
    assert!(failed > 50, "{failed} batches failed");
}

#[tokio::test]
async fn a_failed_read_fails_no_query() {
    let (disk, store) = read_from_disk().await;
    for number in 0..USERS {
        disk.plan(disk.calls() + 1, Fault::CallFails);
        let hash = store.password_hash(numbered(number)).await.unwrap();
        assert_eq!(hash.as_ref().map(String::len), Some(HASH_BYTES), "{number}");
    }
}

#[tokio::test]
async fn a_change_after_an_earlier_io_error_is_made() {
    let (disk, store) = read_from_disk().await;
    for number in 0..USERS {
        disk.plan(disk.calls() + 1, Fault::CallFails);
        // The error of this reader is not handled, so redb stays in the failed state.
        store.database().write(|database| Ok(rows_of(database).is_err())).unwrap();
        assert!(disk.had_fault());
        let content = text(&format!("{number}"));
        let (id, from, to) = (ClientId::random(), numbered(number), to("user0"));
        store.commit(Post { id, from, to, at: at(1), content }).await.unwrap();
    }
}

#[tokio::test]
async fn a_read_only_disk_is_read_and_is_written_again_once_it_accepts_writes() {
    for call in 1..=12 {
        let disk = SimulatedDisk::with_empty_store();
        let store = Store::with(database_that_can_be_read_only(&disk));
        let (id, user) = (ClientId::random(), user("alice"));
        let password_hash = "hash".to_owned();
        let create = CreateAccount { id, user: user.clone(), password_hash, at: at(0) };
        store.commit(create.clone()).await.unwrap();
        let before = store.commit(note("before")).await.unwrap();
        disk.plan(disk.calls() + call, Fault::ReadOnly);
        // The disk may become read-only in one of the first commits, or between them.
        let later = note("later");
        while store.commit(later.clone()).await.is_ok() {}
        for _ in 0..3 {
            assert_eq!(store.password_hash(user.clone()).await.unwrap().as_deref(), Some("hash"));
            let refused = store.commit(note("refused")).await;
            assert!(matches!(refused, Err(CommitError::Failed(_))), "call {call}: {refused:?}");
        }
        disk.plan(u64::MAX, Fault::CallFails);
        store.commit(create).await.unwrap();
        let after = store.commit(later).await.unwrap();
        assert_eq!(after.id.sequence, before.id.sequence.next(), "call {call}");
    }
}

/// A message of alice to herself.
fn note(content: &str) -> Post {
    let (from, to) = (user("alice"), to("alice"));
    Post { id: ClientId::random(), from, to, at: at(1), content: text(content) }
}

/// A database on this disk, which is reopened for reading only if the disk accepts no writes.
fn database_that_can_be_read_only(disk: &SimulatedDisk) -> ReopeningDatabase {
    let opening = |disk: SimulatedDisk,
                   open: fn(&SimulatedDisk) -> Result<Database, Box<dyn Error>>| {
        let unusable =
            |error| OpenError::Damaged { file: PathBuf::new(), reason: format!("{error}") };
        move || open(&disk).map_err(unusable)
    };
    let to_write = opening(disk.clone(), |disk| database_on(disk, CACHE_BYTES));
    let to_read = opening(disk.clone(), |disk| {
        let above = WritesInMemory::above(disk.attach())?;
        Ok(open::builder().create_with_backend(above)?)
    });
    ReopeningDatabase::start(to_write().unwrap(), to_write, to_read)
}

const USERS: usize = 20;

const HASH_BYTES: usize = 500;

fn numbered(number: usize) -> UserName {
    user(&format!("user{number}"))
}

/// A store without a cache, so that every query reads from the disk.
async fn read_from_disk() -> (SimulatedDisk, Store) {
    let disk = SimulatedDisk::with_empty_store();
    let store = Store::with(reopening_database_on(&disk, 0).unwrap());
    for number in 0..USERS {
        let (id, user) = (ClientId::random(), numbered(number));
        let password_hash = "x".repeat(HASH_BYTES);
        store.commit(CreateAccount { id, user, password_hash, at: at(0) }).await.unwrap();
    }
    (disk, store)
}

/// The opening for reading only, which these tests never need.
fn never() -> Result<Database, OpenError> {
    Err(OpenError::InUse(PathBuf::new()))
}

/// A database on this disk, which has no further fault once the database is reopened.
fn reopening_database_on(
    disk: &SimulatedDisk,
    cache_bytes: usize,
) -> Result<ReopeningDatabase, OpenError> {
    let disk = disk.clone();
    let unusable = |error| OpenError::Damaged { file: PathBuf::new(), reason: format!("{error}") };
    let open = move || {
        if disk.had_fault() {
            disk.plan(0, Fault::CallFails);
        }
        database_on(&disk, cache_bytes).map_err(unusable)
    };
    Ok(ReopeningDatabase::start(open()?, open, never))
}

/// Makes the changes of a batch, and returns whether all of them were made. The outcomes of the others say that they
/// were not made.
fn is_done(database: &ReopeningDatabase, batch: &[Step]) -> bool {
    let (jobs, answers): (Vec<_>, Vec<_>) = batch.iter().map(Step::queued).unzip();
    write_or_reopen(database, jobs, FreeSpaceNow::unlimited(), &OnceLock::new());
    answers.into_iter().map(|answer| answer()).all(|answer| match answer {
        Ok(_) => true,
        Err(CommitError::Failed(_) | CommitError::Refused(Refusal::ServerFull { .. })) => false,
        Err(other) => panic!("{other}"),
    })
}

/// The number of calls to the disk for all batches, if none fails.
fn calls_of_all_batches() -> u64 {
    let disk = SimulatedDisk::with_empty_store();
    let done = run(&disk, &mut PossibleStates::new(), &batches(), &OutcomeCounts::default());
    assert_eq!(done, batches().len());
    disk.calls()
}

fn check(call: u64, next_event: NextEvent, counts: &OutcomeCounts) {
    let (disk, mut states, mut batches) =
        (SimulatedDisk::with_empty_store(), PossibleStates::new(), batches());
    disk.plan(call, Fault::CallFails);
    let done = run(&disk, &mut states, &batches, &OutcomeCounts::default());
    assert!(disk.had_fault() || done == batches.len());
    match next_event {
        NextEvent::Restart => disk.kill(),
        NextEvent::PowerCut => disk.cut_power(&mut Random::new(call)),
    }
    // Repeats all changes without an outcome, with the same ids.
    batches.drain(..done);
    assert_eq!(run(&disk, &mut states, &batches, counts), batches.len());
    let disk_store = DiskStore::start(&disk, CACHE_BYTES).unwrap();
    assert_eq!(difference(&disk_store.rows().unwrap(), &expected_contents()), None);
}

/// The contents of the store after all batches.
fn expected_contents() -> TableContents {
    let mut model = Model::default();
    for step in batches().iter().flatten() {
        model.apply(step).unwrap();
    }
    model.rows()
}

/// Opens the store and makes the batches, until a batch has no outcome. Returns the number of batches with an
/// outcome.
fn run(
    disk: &SimulatedDisk,
    states: &mut PossibleStates,
    batches: &[Vec<Step>],
    counts: &OutcomeCounts,
) -> usize {
    let disk_store = match DiskStore::start(disk, CACHE_BYTES) {
        Ok(disk_store) => disk_store,
        Err(_) if disk.had_fault() => return 0,
        Err(error) => panic!("the store does not open: {error:?}"),
    };
    match disk_store.rows() {
        Ok(rows) => counts.count(states.identify(&rows)),
        Err(_) if disk.had_fault() => return 0,
        Err(error) => panic!("the store cannot be read: {error:?}"),
    }
    for (number, batch) in batches.iter().enumerate() {
        if !states.commit(&disk_store, batch) {
            assert!(disk.had_fault(), "an error without a fault of the disk");
            check_stays_failed(&disk_store, batch);
            return number;
        }
    }
    batches.len()
}

/// Asserts that the same store makes no further changes, and says so.
fn check_stays_failed(disk_store: &DiskStore, batch: &[Step]) {
    let answers = disk_store.commit(batch);
    let all_failed = answers.iter().all(|answer| matches!(answer, Err(CommitError::Failed(_))));
    assert!(all_failed, "{answers:?}");
}

/// Changes of every kind, in batches.
fn batches() -> Vec<Vec<Step>> {
    let lab = || Address::Group(group("lab"));
    vec![
        vec![account(1, "alice"), account(2, "bob")],
        vec![account(3, "carol")],
        vec![session("alice", 1), session("alice", 2), session("alice", 3)],
        vec![post(4, "alice", to("bob"), text("hi")), post(5, "bob", to("alice"), text("ho"))],
        vec![post(6, "bob", to("bob"), text("a note"))],
        vec![make_group(7, "alice"), join("bob"), join("carol")],
        vec![post(8, "bob", lab(), text(&"long ".repeat(2000)))],
        vec![post(9, "alice", lab(), file(10)), post(10, "alice", to("carol"), file(11))],
        vec![
            mark(Mark::Delivered, "bob", to("bob"), 1, 2),
            mark(Mark::Read, "bob", to("bob"), 1, 1),
            mark(Mark::Read, "carol", lab(), 2, 9),
        ],
        vec![leave("carol")],
        vec![use_session()],
        vec![post(11, "carol", to("alice"), text(&"bye ".repeat(3000)))],
        vec![end_session("alice", SessionSelection::Token([2; 32]))],
        vec![change_password(13, "alice")],
        vec![end_session("alice", SessionSelection::All)],
        vec![post(12, "alice", lab(), text("gone?"))],
    ]
}

fn id(number: u8) -> ClientId {
    ClientId([number; 16])
}

fn account(number: u8, name: &str) -> Step {
    let (user, password_hash) = (user(name), "a hash".to_owned());
    Step::CreateAccount(CreateAccount { id: id(number), user, password_hash, at: at(1) })
}

fn session(name: &str, number: u8) -> Step {
    let (user, token_hash, verified) = (user(name), [number; 32], "a hash".to_owned());
    let (rehashed, online, at) = (None, Vec::new(), at(2));
    Step::StartSession(StartSession { user, token_hash, verified, rehashed, online, at })
}

fn use_session() -> Step {
    Step::UseSession(UseSession { token_hash: [1; 32], at: at(3) })
}

fn change_password(number: u8, name: &str) -> Step {
    let (verified, password_hash) = ("a hash".to_owned(), "another hash".to_owned());
    let (id, user, session) = (id(number), user(name), [1; 32]);
    Step::SetPassword(SetPassword { id, user, session, verified, password_hash })
}

fn end_session(name: &str, which: SessionSelection) -> Step {
    Step::EndSessions(EndSessions { user: user(name), which })
}

fn post(number: u8, from: &str, to: Address, content: Content) -> Step {
    Step::Post(Post { id: id(number), from: user(from), to, at: at(4), content })
}

fn file(milliseconds: u64) -> Content {
    let original = FileName::from("report.pdf");
    let name = StoredName::new(at(milliseconds), &original);
    let file = File { name, original: original.into(), size: 400, digest: Digest([7; 32]) };
    Content::File { file, quota: Some(1000), naming: Naming::Given }
}

fn make_group(number: u8, owner: &str) -> Step {
    let (id, group, owner) = (id(number), group("lab"), user(owner));
    Step::CreateGroup(CreateGroup { id, group, owner, at: at(5) })
}

fn join(name: &str) -> Step {
    Step::JoinGroup(JoinGroup { group: group("lab"), user: user(name), at: at(6) })
}

fn leave(name: &str) -> Step {
    Step::LeaveGroup(LeaveGroup { group: group("lab"), user: user(name) })
}

fn mark(mark: Mark, name: &str, log: Address, first: u64, last: u64) -> Step {
    let range = SequenceRange { first: Sequence(first), last: Sequence(last) };
    Step::MarkMessages(MarkMessages { mark, user: user(name), log, ranges: vec![range] })
}
