//! The signed-in connections of each user and token. A session that ends in the store is signed out on its
//! connections at once.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use qchat_proto::UserName;

use crate::lock::lock;
use crate::store::queries::TokenHash;

/// The session of a connection, as the registry sees it.
pub(crate) trait SignOut: Debug + Send + Sync {
    /// Signs out, if this token signed in.
    fn sign_out_of(&self, token_hash: &TokenHash);
}

/// The signed-in connections, with one entry for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct SessionRegistry {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    users: HashMap<UserName, HashMap<u64, RegisteredSession>>,
}

#[derive(Debug)]
struct RegisteredSession {
    token_hash: TokenHash,
    session: Weak<dyn SignOut>,
}

/// The entry of a connection. Dropping it removes the entry.
#[derive(Debug)]
pub(crate) struct Registration {
    sessions: SessionRegistry,
    user: UserName,
    number: u64,
}

impl SessionRegistry {
    /// Registers a connection for as long as the returned value lives.
    pub(crate) fn register(
        &self,
        user: &UserName,
        token_hash: TokenHash,
        session: Weak<dyn SignOut>,
    ) -> Registration {
        let mut entries = self.entries();
        let number = entries.next;
        entries.next += 1;
        let entry = RegisteredSession { token_hash, session };
        entries.users.entry(user.clone()).or_default().insert(number, entry);
        Registration { sessions: self.clone(), user: user.clone(), number }
    }

    /// The tokens by which a user is signed in, one for each connection.
    pub(crate) fn online(&self, user: &UserName) -> Vec<TokenHash> {
        let entries = self.entries();
        let connections = entries.users.get(user).into_iter().flat_map(HashMap::values);
        connections.map(|entry| entry.token_hash).collect()
    }

    /// Signs out every connection that this token signed in.
    pub(crate) fn end(&self, user: &UserName, token_hash: &TokenHash) {
        // Signing out removes entries, which needs the lock again.
        let connections: Vec<_> = {
            let entries = self.entries();
            let connections = entries.users.get(user).into_iter().flat_map(HashMap::values);
            let ended = connections.filter(|entry| entry.token_hash == *token_hash);
            ended.filter_map(|entry| entry.session.upgrade()).collect()
        };
        for connection in connections {
            connection.sign_out_of(token_hash);
        }
    }

    /// Whether no connection is signed in.
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.entries().users.is_empty()
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        lock(&self.entries)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut entries = self.sessions.entries();
        if let Some(connections) = entries.users.get_mut(&self.user) {
            connections.remove(&self.number);
            if connections.is_empty() {
                entries.users.remove(&self.user);
            }
        }
    }
}
