//! One call to the disk fails, as on a full disk: every one of a story in its turn.
//!
//! The engine trusts a disk no more once it has failed: everything after that fails too, until the
//! store is opened again. It says so truthfully, and what it had answered stays; the server opens it again
//! by itself.

use std::error::Error;
use std::path::PathBuf;
use std::sync::OnceLock;

use qchat_proto::command::SequenceRange;
use qchat_proto::{
    Address, ClientId, Digest, File, FileName, Refusal, Sequence, StoredName, UserName,
};
use redb::Database;

use super::disk::{Accident, Disk};
use super::ledger::{ALL_ANSWERED, Ledger, NOT_THERE, THERE};
use super::machine::{Machine, Rows, database_on, difference, rows_of};
use super::model::{Model, Step};
use super::random::Random;
use super::tally::Tally;
use super::{at, group, text, to, user};
use crate::store::changes::{
    ChangePassword, Content, CreateAccount, CreateGroup, EndSessions, JoinGroup, LeaveGroup, Mark,
    MarkMessages, Post, StartSession, UseSession, Which,
};
use crate::store::database::ReopeningDatabase;
use crate::store::free_space::FreeSpaceNow;
use crate::store::writes_in_memory::WritesInMemory;
use crate::store::{CommitError, OpenError, Store, open, writer};

const CACHE_BYTES: usize = 1024 * 1024;

/// What the machine does after the call that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aftermath {
    /// Another program starts, and finds what was written.
    Restart,
    /// The power goes as well, and what was not synced with it.
    PowerCut,
}

#[test]
fn a_call_that_fails_loses_nothing_that_was_answered_and_doubles_nothing_that_was_not() {
    let calls = calls_of_story();
    assert!(calls > 100, "{calls} calls are no story");
    let tally = Tally::default();
    for call in 1..=calls {
        for aftermath in [Aftermath::Restart, Aftermath::PowerCut] {
            println!("call {call} of {calls} fails; then {aftermath:?}");
            check(call, aftermath, &tally);
        }
    }
    tally.check(&[ALL_ANSWERED, NOT_THERE, THERE]);
}

#[test]
fn a_store_whose_disk_failed_once_goes_on_without_a_restart() {
    let mut failed = 0;
    for call in 1..=calls_of_story() {
        println!("call {call} fails");
        let disk = Disk::with_empty_store();
        disk.plan(call, Accident::CommandError);
        let Ok(engine) = engine_on(&disk, CACHE_BYTES) else { continue };
        for batch in story() {
            let tries = (1..3).find(|_| is_done(&engine, &batch));
            failed += tries.expect("a disk fails once") - 1;
        }
        let rows = engine.with(|database| Ok(rows_of(database).unwrap())).unwrap();
        assert_eq!(difference(&rows, &happy_end()), None);
    }
    assert!(failed > 50, "{failed} batches failed");
}

#[tokio::test]
async fn a_call_that_fails_a_reader_fails_nobody_else() {
    let (disk, store) = read_from_disk().await;
    for number in 0..USERS {
        disk.plan(disk.calls() + 1, Accident::CommandError);
        let hash = store.password_hash(numbered(number)).await.unwrap();
        assert_eq!(hash.as_ref().map(String::len), Some(HASH_BYTES), "{number}");
    }
}

#[tokio::test]
async fn a_change_is_made_where_only_a_call_before_it_failed() {
    let (disk, store) = read_from_disk().await;
    for number in 0..USERS {
        disk.plan(disk.calls() + 1, Accident::CommandError);
        // As a reader leaves it that nobody answers any more.
        store.engine.with(|database| Ok(rows_of(database).is_err())).unwrap();
        assert!(disk.had_accident());
        let content = text(&format!("{number}"));
        let (id, from, to) = (ClientId::random(), numbered(number), to("user0"));
        store.commit(Post { id, from, to, at: at(1), content }).await.unwrap();
    }
}

#[tokio::test]
async fn a_disk_that_takes_no_writes_is_read_and_written_again_when_it_takes_them() {
    for call in 1..=12 {
        let disk = Disk::with_empty_store();
        let store = Store::with(engine_that_reads(&disk));
        let (id, user) = (ClientId::random(), user("alice"));
        let password_hash = "hash".to_owned();
        let create = CreateAccount { id, user: user.clone(), password_hash, at: at(0) };
        store.commit(create.clone()).await.unwrap();
        let before = store.commit(note("before")).await.unwrap();
        disk.plan(disk.calls() + call, Accident::ReadOnly);
        // The disk may fail in one of the first commits, or between them.
        let later = note("later");
        while store.commit(later.clone()).await.is_ok() {}
        for _ in 0..3 {
            assert_eq!(store.password_hash(user.clone()).await.unwrap().as_deref(), Some("hash"));
            let refused = store.commit(note("refused")).await;
            assert!(matches!(refused, Err(CommitError::Failed(_))), "call {call}: {refused:?}");
        }
        disk.plan(u64::MAX, Accident::CommandError);
        store.commit(create).await.unwrap();
        let after = store.commit(later).await.unwrap();
        assert_eq!(after.id.sequence, before.id.sequence.next(), "call {call}");
    }
}

/// A note of alice's to herself.
fn note(content: &str) -> Post {
    let (from, to) = (user("alice"), to("alice"));
    Post { id: ClientId::random(), from, to, at: at(1), content: text(content) }
}

/// An engine on this disk, which is opened for reading alone if the disk takes no writes.
fn engine_that_reads(disk: &Disk) -> ReopeningDatabase {
    let opening = |disk: Disk, open: fn(&Disk) -> Result<Database, Box<dyn Error>>| {
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

/// A store that has nothing in memory: every question is one to the disk.
async fn read_from_disk() -> (Disk, Store) {
    let disk = Disk::with_empty_store();
    let store = Store::with(engine_on(&disk, 0).unwrap());
    for number in 0..USERS {
        let (id, user) = (ClientId::random(), numbered(number));
        let password_hash = "x".repeat(HASH_BYTES);
        store.commit(CreateAccount { id, user, password_hash, at: at(0) }).await.unwrap();
    }
    (disk, store)
}

/// For a disk that is never only read.
fn never() -> Result<Database, OpenError> {
    Err(OpenError::InUse(PathBuf::new()))
}

/// An engine on this disk, which fails no more once it is opened anew.
fn engine_on(disk: &Disk, cache_bytes: usize) -> Result<ReopeningDatabase, OpenError> {
    let disk = disk.clone();
    let unusable = |error| OpenError::Damaged { file: PathBuf::new(), reason: format!("{error}") };
    let open = move || {
        if disk.had_accident() {
            disk.plan(0, Accident::CommandError);
        }
        database_on(&disk, cache_bytes).map_err(unusable)
    };
    Ok(ReopeningDatabase::start(open()?, open, never))
}

/// Makes the changes of a batch; says whether all of them are made. The others are not, and whoever asked
/// knows it: it was looked for when the store was open again.
fn is_done(engine: &ReopeningDatabase, batch: &[Step]) -> bool {
    let (jobs, answers): (Vec<_>, Vec<_>) = batch.iter().map(Step::queued).unzip();
    writer::write_or_reopen(engine, jobs, FreeSpaceNow::boundless(), &OnceLock::new());
    answers.into_iter().map(|answer| answer()).all(|answer| match answer {
        Ok(_) => true,
        Err(CommitError::Failed(_) | CommitError::Refused(Refusal::ServerFull { .. })) => false,
        Err(other) => panic!("{other}"),
    })
}

/// How many calls the story takes where none fails.
fn calls_of_story() -> u64 {
    let disk = Disk::with_empty_store();
    let told = tell(&disk, &mut Ledger::new(), &story(), &Tally::default());
    assert_eq!(told, story().len());
    disk.calls()
}

fn check(call: u64, aftermath: Aftermath, tally: &Tally) {
    let (disk, mut ledger, mut story) = (Disk::with_empty_store(), Ledger::new(), story());
    disk.plan(call, Accident::CommandError);
    let told = tell(&disk, &mut ledger, &story, &Tally::default());
    assert!(disk.had_accident() || told == story.len());
    match aftermath {
        Aftermath::Restart => disk.kill(),
        Aftermath::PowerCut => disk.cut_power(&mut Random::new(call)),
    }
    // Everything that was not answered once more, with the ids that it had.
    story.drain(..told);
    assert_eq!(tell(&disk, &mut ledger, &story, tally), story.len());
    let machine = Machine::start(&disk, CACHE_BYTES).unwrap();
    assert_eq!(difference(&machine.rows().unwrap(), &happy_end()), None);
}

/// What the store holds after the story.
fn happy_end() -> Rows {
    let mut world = Model::default();
    for step in story().iter().flatten() {
        world.apply(step).unwrap();
    }
    world.rows()
}

/// Opens the store and makes the changes, batch after batch, until one is not answered. Returns how
/// many batches were.
fn tell(disk: &Disk, ledger: &mut Ledger, story: &[Vec<Step>], tally: &Tally) -> usize {
    let machine = match Machine::start(disk, CACHE_BYTES) {
        Ok(machine) => machine,
        Err(_) if disk.had_accident() => return 0,
        Err(error) => panic!("the store does not open: {error:?}"),
    };
    match machine.rows() {
        Ok(rows) => tally.count(ledger.recognise(&rows)),
        Err(_) if disk.had_accident() => return 0,
        Err(error) => panic!("the store cannot be read: {error:?}"),
    }
    for (number, batch) in story.iter().enumerate() {
        if !ledger.commit(&machine, batch) {
            assert!(disk.had_accident(), "a fault, and the disk is well");
            check_latched(&machine, batch);
            return number;
        }
    }
    story.len()
}

/// Asking the same store again does nothing, and says so.
fn check_latched(machine: &Machine, batch: &[Step]) {
    let answers = machine.commit(batch);
    let all_failed = answers.iter().all(|answer| matches!(answer, Err(CommitError::Failed(_))));
    assert!(all_failed, "{answers:?}");
}

/// Every kind of change, in batches.
fn story() -> Vec<Vec<Step>> {
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
        vec![end_session("alice", Which::Token([2; 32]))],
        vec![change_password(13, "alice")],
        vec![end_session("alice", Which::All)],
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
    Step::ChangePassword(ChangePassword { id, user, session, verified, password_hash })
}

fn end_session(name: &str, which: Which) -> Step {
    Step::EndSessions(EndSessions { user: user(name), which })
}

fn post(number: u8, from: &str, to: Address, content: Content) -> Step {
    Step::Post(Post { id: id(number), from: user(from), to, at: at(4), content })
}

fn file(milliseconds: u64) -> Content {
    let original = FileName::from("report.pdf");
    let name = StoredName::new(at(milliseconds), &original);
    let file = File { name, original: original.into(), size: 400, digest: Digest([7; 32]) };
    Content::File { file, quota: Some(1000) }
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
