//! Signing a connection in and out, in step with the store.
//!
//! A connection is entered in the registry *before* the store is asked whether its session still stands, and a
//! session ends in the store *before* its connections are looked up there. So at least one side sees
//! the other, and no dead token stays signed in.

use std::pin::pin;
use std::sync::Arc;

use qchat_proto::{Refusal, UserName};

use crate::auth::{Session, SignOut, SignedIn};
use crate::error::CommandError;
use crate::state::ServerState;
use crate::store::Change;
use crate::store::queries::TokenHash;

impl ServerState {
    /// Signs a connection in by a token that the store knew a moment ago.
    ///
    /// # Errors
    /// Somebody is signed in already, or the session has ended meanwhile.
    pub(crate) async fn sign_in(
        &self,
        session: &Arc<Session>,
        user: UserName,
        token_hash: TokenHash,
    ) -> Result<(), CommandError> {
        let caller = SignedIn { user, token_hash, ended: self.stopping.child_token() };
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
        caller: &SignedIn,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
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
    ) -> Result<C::Outcome, CommandError> {
        let outcome = self.store.commit(change).await;
        // Also where the outcome is not known. The order matters: who signs in after this look is
        // found by the store's, and keeps a session that was begun between the two.
        let online = self.sessions.online(user);
        // Where the store cannot tell, nobody stays: a session that stands can be resumed.
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
