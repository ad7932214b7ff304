//! Signing a connection in and out, in step with the store.
//!
//! A connection is registered *before* the store is asked whether its session exists, and a session ends in
//! the store *before* its connections are looked up in the registry. So at least one side sees the other, and
//! no connection stays signed in by an ended session.

use std::pin::pin;
use std::sync::Arc;

use qchat_proto::{Refusal, UserName};

use crate::auth::{Session, SignOut, SignedIn};
use crate::error::CommandResult;
use crate::state::ServerState;
use crate::store::Change;
use crate::store::queries::TokenHash;

impl ServerState {
    /// Signs a connection in by a token that the store knew a moment ago.
    ///
    /// # Errors
    /// [`Refusal::AlreadyLoggedIn`], or [`Refusal::SessionEnded`] if the session has ended meanwhile.
    pub(crate) async fn sign_in(
        &self,
        session: &Arc<Session>,
        user: UserName,
        token_hash: TokenHash,
    ) -> CommandResult<()> {
        let caller = SignedIn { user, token_hash, ended: self.stopping.child_token() };
        session.sign_in(caller, &self.presence, &self.sessions)?;
        // From here on, ending the session finds this connection. If it ended before, the store knows.
        match self.store.session(token_hash).await {
            Ok(Some(_)) => Ok(()),
            ended => {
                session.sign_out_of(&token_hash);
                ended?;
                Err(Refusal::SessionEnded.into())
            }
        }
    }

    /// Runs long work while the caller's session lasts. If the server stops, the work is finished.
    ///
    /// # Errors
    /// [`Refusal::NotLoggedIn`] if the session ends before the work does; otherwise the errors of the work.
    pub(crate) async fn while_signed_in<T>(
        &self,
        caller: &SignedIn,
        work: impl Future<Output = CommandResult<T>>,
    ) -> CommandResult<T> {
        let mut work = pin!(work);
        match caller.ended.run_until_cancelled(&mut work).await {
            Some(done) => done,
            None if self.stopping.is_cancelled() => work.await,
            None => Err(Refusal::NotLoggedIn.into()),
        }
    }

    /// Commits a change that may end sessions of this user, and signs out the connections of ended sessions.
    pub(crate) async fn commit_ending<C: Change>(
        &self,
        user: &UserName,
        change: C,
    ) -> CommandResult<C::Outcome> {
        let outcome = self.store.commit(change).await;
        // Also if the outcome is unknown. The registry is read before the store: a sign-in that registers
        // later asks the store itself, and a session that begins between the two keeps its connection.
        let online = self.sessions.online(user);
        // If the store fails, all are signed out: an existing session can be resumed.
        let auth_state = self.store.sessions(user.clone()).await.unwrap_or_default();
        for token_hash in online {
            if auth_state.iter().all(|row| row.token_hash != token_hash) {
                self.sessions.end(user, &token_hash);
            }
        }
        Ok(outcome?)
    }
}

#[cfg(test)]
mod tests;
