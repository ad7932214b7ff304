//! Races between leaving a group and reading or writing in the group, ten thousand times. A user can do neither from
//! the moment in which the leave is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use qchat_proto::command::FileQuery;
use qchat_proto::{Address, ClientId, Digest, File, StoredName};
use tokio::task::JoinSet;

use super::disk_faults::disk::SimulatedDisk;
use super::disk_faults::disk_store::DiskStore;
use super::{at, group, text, user};
use crate::store::Store;
use crate::store::changes::{
    Content, CreateAccount, CreateGroup, JoinGroup, LeaveGroup, Naming, Post,
};

/// The number of users. Each leaves and joins a group of their own repeatedly.
const LEAVERS: usize = 20;

/// The number of leaves of each user.
const TIMES: usize = 500;

/// A store in memory, because the race is about the order of changes and not about the disk.
fn store() -> Arc<Store> {
    let disk_store =
        DiskStore::start(&SimulatedDisk::with_empty_store(), 16 * 1024 * 1024).unwrap();
    Arc::new(disk_store.into_store())
}

fn file() -> File {
    let name = StoredName::new(at(1_763_833_207_123), &"a.txt".into());
    File { name, original: "a.txt".into(), size: 0, digest: Digest([0; 32]) }
}

/// A user with a group and a file in this group.
struct Leaver {
    store: Arc<Store>,
    name: String,
    has_left: AtomicBool,
}

impl Leaver {
    async fn start(store: &Arc<Store>, number: usize) -> Self {
        let name = format!("user{number}");
        let (id, person) = (ClientId::random(), user(&name));
        let account =
            CreateAccount { id, user: person.clone(), password_hash: String::new(), at: at(0) };
        store.commit(account).await.unwrap();
        let (id, owner) = (ClientId::random(), person);
        store.commit(CreateGroup { id, group: group(&name), owner, at: at(0) }).await.unwrap();
        let leaver = Self { store: Arc::clone(store), name, has_left: AtomicBool::new(false) };
        leaver
            .post(Content::File { file: file(), quota: None, naming: Naming::Given })
            .await
            .unwrap();
        leaver
    }

    /// Returns `Ok` if the message was sent.
    async fn post(&self, content: Content) -> Result<(), ()> {
        let (id, from, to) =
            (ClientId::random(), user(&self.name), Address::Group(group(&self.name)));
        self.store.commit(Post { id, from, to, at: at(1), content }).await.map(drop).map_err(drop)
    }

    /// Returns `Ok` if the file was found.
    async fn read(&self) -> Result<(), ()> {
        let (reader, log) = (user(&self.name), Address::Group(group(&self.name)));
        let found = self.store.file(reader, log, FileQuery::from("a.txt")).await.unwrap();
        found.map(drop).map_err(drop)
    }

    async fn leave(&self) {
        let leave = LeaveGroup { group: group(&self.name), user: user(&self.name) };
        self.store.commit(leave).await.unwrap();
        self.has_left.store(true, Ordering::SeqCst);
    }

    async fn join(&self) {
        self.has_left.store(false, Ordering::SeqCst);
        let join = JoinGroup { group: group(&self.name), user: user(&self.name), at: at(0) };
        self.store.commit(join).await.unwrap();
    }

    /// Repeats an action until it begins after the leave was answered.
    async fn until_left<F: Future<Output = Result<(), ()>>>(&self, action: impl Fn() -> F) {
        loop {
            let had_left = self.has_left.load(Ordering::SeqCst);
            let done = action().await;
            if had_left {
                assert_eq!(done, Err(()), "{} had left", self.name);
                return;
            }
        }
    }

    async fn race(&self) {
        for _ in 0..TIMES {
            let posting = self.until_left(|| self.post(text("hi")));
            let reading = self.until_left(|| self.read());
            tokio::join!(posting, self.leave(), reading);
            self.join().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
pub(in crate::store) async fn a_user_who_has_left_neither_reads_nor_writes() {
    let store = store();
    let mut racing = JoinSet::new();
    for number in 0..LEAVERS {
        let leaver = Leaver::start(&store, number).await;
        racing.spawn(async move { leaver.race().await });
    }
    racing.join_all().await;
    assert_eq!(LEAVERS * TIMES, 10_000);
}
