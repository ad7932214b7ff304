//! Who is signed in where: every connection with a session, by its user and token, so that a session
//! that ends in the store ends on its connections at once.
//!
//! A connection is entered here *before* the store is asked whether its session still stands, and a
//! session ends in the store *before* its connections are looked up here. So at least one side sees
//! the other, and no dead token stays signed in.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use qchat_proto::{Refusal, UserName};

use crate::auth::{Session, Signed};
use crate::failure::Failure;
use crate::server::Node;
use crate::store::Change;
use crate::store::queries::TokenHash;

/// The connections that are signed in: at most one entry for each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    next: u64,
    users: HashMap<UserName, HashMap<u64, Entry>>,
}

#[derive(Debug)]
struct Entry {
    token_hash: TokenHash,
    session: Weak<Session>,
}

/// A connection's place. Dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Listed {
    sessions: Sessions,
    user: UserName,
    number: u64,
}

impl Sessions {
    /// Enters a connection for as long as the answer is kept.
    pub(crate) fn list(&self, caller: &Signed, session: &Arc<Session>) -> Listed {
        let mut entries = self.entries();
        let number = entries.next;
        entries.next += 1;
        let entry = Entry { token_hash: caller.token_hash, session: Arc::downgrade(session) };
        entries.users.entry(caller.user.clone()).or_default().insert(number, entry);
        Listed { sessions: self.clone(), user: caller.user.clone(), number }
    }

    /// The tokens by which a user is signed in, each once for every connection.
    pub(crate) fn online(&self, user: &UserName) -> Vec<TokenHash> {
        let entries = self.entries();
        let connections = entries.users.get(user).into_iter().flat_map(HashMap::values);
        connections.map(|entry| entry.token_hash).collect()
    }

    /// Signs out every connection that this token signed in.
    fn end(&self, user: &UserName, token_hash: &TokenHash) {
        // Signing out gives places back: not while they are counted here.
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

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Listed {
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

impl Node {
    /// Signs a connection in by a token that the store knew a moment ago.
    ///
    /// # Errors
    /// Somebody is signed in already, or the session has ended meanwhile.
    pub(crate) async fn sign_in(
        &self,
        session: &Arc<Session>,
        user: UserName,
        token_hash: TokenHash,
    ) -> Result<(), Failure> {
        let caller = Signed { user, token_hash, ended: self.stopping.child_token() };
        session.sign_in(caller, &self.presence, &self.sessions)?;
        // From here on whoever ends the session finds this connection; before, nobody did.
        match self.store.session(token_hash).await {
            Ok(Some(_)) => Ok(()),
            ended => {
                session.sign_out_of(&token_hash);
                ended?;
                Err(Refusal::SessionEnded.into())
            }
        }
    }

    /// Does long work for as long as its asker's session lasts. A server that stops lets it finish.
    ///
    /// # Errors
    /// [`Refusal::NotLoggedIn`], where the session ended before the work; the work's own otherwise.
    pub(crate) async fn while_signed_in<T>(
        &self,
        caller: &Signed,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        match caller.ended.run_until_cancelled(&mut work).await {
            Some(done) => done,
            None if self.stopping.is_cancelled() => work.await,
            None => Err(Refusal::NotLoggedIn.into()),
        }
    }

    /// Makes a change that may end sessions of this user, and signs out the connections whose session
    /// has ended.
    pub(crate) async fn commit_ending<C: Change>(
        &self,
        user: &UserName,
        change: C,
    ) -> Result<C::Outcome, Failure> {
        let outcome = self.store.commit(change).await;
        // Also where the outcome is not known. The order matters: who signs in after this look is
        // found by the store's, and keeps a session that was begun between the two.
        let online = self.sessions.online(user);
        // Where the store cannot tell, nobody stays: a session that stands can be resumed.
        let standing = self.store.sessions(user.clone()).await.unwrap_or_default();
        for token_hash in online {
            if standing.iter().all(|row| row.token_hash != token_hash) {
                self.sessions.end(user, &token_hash);
            }
        }
        Ok(outcome?)
    }
}

#[cfg(test)]
mod tests;
