//! Every query counts the rows that it reads, also those that its answer leaves out.

use std::collections::BTreeSet;
use std::path::Path;

use qchat_proto::command::{FileQuery, Selection};
use qchat_proto::limits::{CANDIDATES_MAX, PAGE_ITEMS_MAX, SESSIONS_MAX};
use qchat_proto::{
    Address, ClientId, Digest, File, FilePath, Message, MessageId, Sequence, StoredName,
};

use super::disk_faults::disk::SimulatedDisk;
use super::disk_faults::disk_store::DiskStore;
use super::{at, group, text, to, user};
use crate::store::changes::{
    Content, CreateAccount, CreateGroup, JoinGroup, Naming, Post, StartSession,
};
use crate::store::queries::HistoryQuery;
use crate::store::{Change, RowsRead, Store};

/// The number of rows of each kind.
const MANY: usize = 250;

impl Store {
    async fn make(&self, change: impl Change) {
        assert!(self.commit(change).await.is_ok());
    }

    async fn post(&self, from: &str, to: Address, content: Content) -> Message {
        let id = ClientId::random();
        self.commit(Post { id, from: user(from), to, at: at(9), content }).await.unwrap()
    }

    async fn make_account(&self, name: &str) {
        let (id, user) = (ClientId::random(), user(name));
        self.make(CreateAccount { id, user, password_hash: String::new(), at: at(0) }).await;
    }

    async fn join(&self, name: &str, member: &str) {
        let (group, user) = (group(name), user(member));
        self.make(JoinGroup { group, user, at: at(0) }).await;
    }
}

fn file(number: usize) -> File {
    let original = FilePath::from("p/a.jpg");
    let name = StoredName::new(at(u64::try_from(number).unwrap()), original.name());
    File { name, original, size: 0, digest: Digest([0; 32]) }
}

fn sent(file: File) -> Content {
    Content::File { file, quota: None, naming: Naming::Given }
}

/// A store with many rows: alice has sent bob many files, is in many groups, and has many sessions. All users are
/// members of the lab.
async fn crowded_store() -> Store {
    let store = DiskStore::start(&SimulatedDisk::with_empty_store(), 1 << 20).unwrap().into_store();
    for name in ["alice", "bob"] {
        store.make_account(name).await;
    }
    let (id, owner) = (ClientId::random(), user("alice"));
    store.make(CreateGroup { id, group: group("lab"), owner, at: at(0) }).await;
    for number in 0..MANY {
        let name = format!("u{number}");
        store.make_account(&name).await;
        store.join("lab", &name).await;
        let (id, group, owner) = (ClientId::random(), group(&format!("g{number}")), user("alice"));
        store.make(CreateGroup { id, group, owner, at: at(0) }).await;
        store.post("alice", to("bob"), sent(file(number))).await;
        let mut token_hash = [0; 32];
        token_hash[0] = u8::try_from(number).unwrap();
        let (verified, rehashed, online) = (String::new(), None, Vec::new());
        let user = user("alice");
        store.make(StartSession { user, token_hash, verified, rehashed, online, at: at(0) }).await;
    }
    store
}

/// The name of a query, and the number of rows that it counts.
macro_rules! ask {
    ($store:ident.$query:ident($($argument:expr),*)) => {{
        let rows_read = RowsRead::default();
        let answer = rows_read.count($store.$query($($argument),*)).await;
        assert!(answer.is_ok());
        (stringify!($query), rows_read.take())
    }};
}

fn history(reader: &str, selection: Selection, from: Option<&str>) -> HistoryQuery {
    let (log, reader, from) = (to(reader), user(reader), from.map(user));
    HistoryQuery { reader, log, selection, from, before: None, page: None }
}

#[tokio::test]
pub(in crate::store) async fn every_query_counts_the_rows_that_it_leaves_out() {
    let store = crowded_store().await;
    let lab = Address::Group(group("lab"));
    let MessageId { log, sequence } = store.post("alice", lab, text("hi")).await.id;
    let (id, alice, bob) = (ClientId([0; 16]), || user("alice"), || user("bob"));
    let names = (0..MANY).map(|number| file(number).name).collect();
    let mut asked = vec![
        // Her mailbox contains only copies of sent messages.
        (ask!(store.files_below(alice(), to("alice"), ("p".parse().unwrap(), None))), 2 * MANY),
        (ask!(store.history(history("alice", Selection::Newest(1), None))), MANY),
        (ask!(store.history(history("bob", Selection::Newest(1), Some("carol")))), 2 * MANY),
        (ask!(store.history(history("bob", Selection::Unread, Some("carol")))), MANY),
        (ask!(store.messages_after(bob(), to("bob"), Sequence(0))), MANY),
        (ask!(store.file(bob(), to("bob"), FileQuery::from("a.jpg"))), CANDIDATES_MAX),
        (ask!(store.users(None)), MANY),
        (ask!(store.groups(bob(), None)), 2 * MANY),
        (ask!(store.groups_of(alice())), MANY),
        (ask!(store.members(alice(), group("lab"), None)), MANY),
        // The members, and two markers of each member.
        (ask!(store.receipt(alice(), MessageId { log: log.clone(), sequence })), 3 * MANY),
        (ask!(store.sessions(alice())), 2 * MANY.min(SESSIONS_MAX)),
        (ask!(store.file_statuses(names)), MANY),
        (ask!(store.last(log)), 1),
        (ask!(store.session([1; 32])), 1),
        (ask!(store.password_hash(alice())), 1),
        (ask!(store.password_state(alice(), id)), 2),
        (ask!(store.may_upload(alice(), to("bob"))), 2),
        (ask!(store.earlier_upload(alice(), id)), 1),
        #[cfg(feature = "cluster")]
        (ask!(store.upload_statuses(vec![(alice(), id); 3])), 3),
    ];
    // Only servers that share their files ask this.
    if cfg!(feature = "cluster") {
        asked.push((ask!(store.upload_statuses(vec![(alice(), id)])), 1));
    }
    for &((query, rows), least) in &asked {
        assert!(rows >= least, "{query}: {rows} of {least}");
    }
    let asked: BTreeSet<_> = asked.iter().map(|((query, _), _)| (*query).to_owned()).collect();
    assert_eq!(asked, query_names());
}

/// The names of all queries, from their source files.
fn query_names() -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/queries");
    let mut names = BTreeSet::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let source = std::fs::read_to_string(file.unwrap().path()).unwrap();
        let asked = source.split("pub(crate) async fn ").skip(1);
        names.extend(asked.map(|rest| rest.split('(').next().unwrap().to_owned()));
    }
    names
}

#[tokio::test]
pub(in crate::store) async fn a_list_of_files_goes_on_after_a_page_of_copies() {
    let store = DiskStore::start(&SimulatedDisk::with_empty_store(), 1 << 20).unwrap().into_store();
    for name in ["alice", "bob"] {
        store.make_account(name).await;
    }
    let copies = PAGE_ITEMS_MAX + 1;
    for number in 0..copies {
        store.post("alice", to("bob"), sent(file(number))).await;
    }
    let received = store.post("bob", to("alice"), sent(file(copies))).await;
    let ask = async |after| {
        let rows_read = RowsRead::default();
        let wanted = ("p".parse().unwrap(), after);
        let page = rows_read.count(store.files_below(user("alice"), to("alice"), wanted)).await;
        assert!(rows_read.take() < 3 * PAGE_ITEMS_MAX);
        page.unwrap().unwrap()
    };
    let (files, next) = ask(None).await;
    assert_eq!(files, []);
    let (files, next) = ask(Some(next.unwrap())).await;
    assert_eq!((files.len(), next), (1, None));
    let qchat_proto::Body::File(received) = received.body else { panic!("{received:?}") };
    assert_eq!(files, [received]);
}

#[tokio::test]
pub(in crate::store) async fn a_change_counts_its_rows_too() {
    let store = crowded_store().await;
    store.make_account("carol").await;
    let (id, owner) = (ClientId::random(), user("carol"));
    store.make(CreateGroup { id, group: group("ops"), owner, at: at(0) }).await;
    let join = JoinGroup { group: group("ops"), user: user("alice"), at: at(0) };
    // The change counts the groups of the user, because their number is limited.
    let (_, rows) = ask!(store.commit(join));
    assert!(rows >= MANY, "{rows}");
}

#[tokio::test]
pub(in crate::store) async fn a_long_row_counts_as_several() {
    let store = crowded_store().await;
    let end = Sequence(u64::try_from(MANY).unwrap());
    let done = async || ask!(store.messages_after(user("bob"), to("bob"), end)).1;
    store.post("alice", to("bob"), text("x")).await;
    let short = done().await;
    store.post("alice", to("bob"), text(&"x".repeat(16 * 1024))).await;
    // The message itself, its 16 KiB, and perhaps a chunk of the log.
    let long = done().await;
    assert!((short + 17..short + 20).contains(&long), "{long} and {short}");
}
