//! Tests of the store, on a real file and on a simulated disk that loses power and fails.

pub(in crate::store) mod change_generator;
pub(in crate::store) mod disk_faults;
pub(crate) mod fuzzed;
#[cfg(test)]
pub(in crate::store) mod history;
#[cfg(test)]
pub(in crate::store) mod leaving;
pub(in crate::store) mod model;
mod possible_states;
#[cfg(test)]
pub(in crate::store) mod promises;
pub(in crate::store) mod random;
#[cfg(test)]
mod random_changes;
#[cfg(test)]
pub(in crate::store) mod rows_read;
#[cfg(test)]
pub(in crate::store) mod sessions;

use qchat_proto::{Address, ClientId, GroupName, Message, MessageText, Timestamp, UserName};

use super::changes::{Content, CreateAccount, CreateGroup, Post};
use super::{CommitError, Store};

/// A store in a temporary folder, which is removed with it, or in a database.
struct TestStore {
    store: Store,
    folder: tempfile::TempDir,
    database: Option<String>,
}

#[cfg(all(test, feature = "cluster"))]
thread_local! {
    /// Gives the URL of a new database for each store that a test of this thread opens, instead of a folder.
    pub(in crate::store) static NEW_DATABASE: std::cell::Cell<Option<fn() -> String>> =
        const { std::cell::Cell::new(None) };
}

/// The URL of a new database, if the test of this thread uses databases.
fn new_database() -> Option<String> {
    #[cfg(all(test, feature = "cluster"))]
    return NEW_DATABASE.get().map(|new| new());
    #[cfg(not(all(test, feature = "cluster")))]
    None
}

/// Opens the store in a folder, or that of a database.
fn open(folder: &tempfile::TempDir, database: Option<&str>) -> Store {
    #[cfg(all(test, feature = "cluster"))]
    if let Some(url) = database {
        return Store::connect(super::postgres::tests::membership(url, "a")).unwrap();
    }
    assert_eq!(database, None);
    Store::open(folder.path()).unwrap()
}

pub(in crate::store) fn at(milliseconds: u64) -> Timestamp {
    Timestamp::from_milliseconds(milliseconds)
}

pub(in crate::store) fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

pub(in crate::store) fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

pub(in crate::store) fn to(name: &str) -> Address {
    Address::User(user(name))
}

pub(in crate::store) fn text(text: &str) -> Content {
    Content::Text(MessageText::try_from(text.to_owned()).unwrap())
}

impl TestStore {
    async fn with_users(names: &[&str]) -> Self {
        let (folder, database) = (tempfile::tempdir().unwrap(), new_database());
        let store = open(&folder, database.as_deref());
        for name in names {
            let (id, user) = (ClientId::random(), user(name));
            let account = CreateAccount { id, user, password_hash: String::new(), at: at(0) };
            store.commit(account).await.unwrap();
        }
        Self { store, folder, database }
    }

    /// Closes the store and opens it again.
    async fn reopened(self) -> Self {
        self.store.close().await;
        drop(self.store);
        Self { store: open(&self.folder, self.database.as_deref()), ..self }
    }

    async fn post(
        &self,
        id: ClientId,
        from: &str,
        to: Address,
        said: &str,
    ) -> Result<Message, CommitError> {
        let post = Post { id, from: user(from), to, at: at(1), content: text(said) };
        self.store.commit(post).await
    }

    async fn make_group(&self, owner: &str, name: &str) {
        let (id, group, owner) = (ClientId::random(), group(name), user(owner));
        self.store.commit(CreateGroup { id, group, owner, at: at(0) }).await.unwrap();
    }
}
