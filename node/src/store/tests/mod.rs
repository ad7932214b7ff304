//! Tests of the store, on a real file and on a simulated disk that loses power and fails.

pub(in crate::store) mod change_generator;
pub(in crate::store) mod disk_faults;
pub(crate) mod fuzzed;
#[cfg(test)]
mod history;
#[cfg(test)]
mod leaving;
pub(in crate::store) mod model;
mod possible_states;
#[cfg(test)]
mod promises;
pub(in crate::store) mod random;
#[cfg(test)]
mod random_changes;
#[cfg(test)]
mod rows_read;
#[cfg(test)]
mod sessions;

use qchat_proto::{Address, ClientId, GroupName, Message, MessageText, Timestamp, UserName};

use super::changes::{Content, CreateAccount, CreateGroup, Post};
use super::{CommitError, Store};

/// A store in a temporary folder, which is removed with it.
struct TestStore {
    store: Store,
    folder: tempfile::TempDir,
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
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        for name in names {
            let (id, user) = (ClientId::random(), user(name));
            let account = CreateAccount { id, user, password_hash: String::new(), at: at(0) };
            store.commit(account).await.unwrap();
        }
        Self { store, folder }
    }

    /// Closes the store and opens it again.
    async fn reopened(self) -> Self {
        self.store.close().await;
        drop(self.store);
        Self { store: Store::open(self.folder.path()).unwrap(), folder: self.folder }
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
