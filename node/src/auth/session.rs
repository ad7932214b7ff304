//! Who speaks on a connection. Whether a command wants a caller who is signed in is a type.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use qchat_proto::{Refusal, UserName};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::auth::session_registry::{Listed, Sessions, SignOut};
use crate::live::{Online, Presence};
use crate::network::Standing;
use crate::store::queries::TokenHash;

/// The session of one connection: signed out at first.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: Mutex<Option<State>>,
    standing: watch::Sender<Standing>,
    /// Held by the command that signs somebody in.
    entry: Arc<AsyncMutex<()>>,
}

/// The right to sign somebody in on a connection where nobody is signed in. One command has it at a time: a
/// second one that began a session too would leave one that nobody has.
#[derive(Debug)]
pub(crate) struct Entry {
    _held: OwnedMutexGuard<()>,
}

#[derive(Debug)]
struct State {
    caller: Signed,
    _online: Online,
    _listed: Listed,
    /// Ends what goes on in the session's name.
    _end: DropGuard,
}

impl Session {
    /// Waits until no other command signs somebody in.
    ///
    /// # Errors
    /// [`Refusal::AlreadyLoggedIn`]: the other one has.
    ///
    /// # Cancel safety
    /// Cancel safe: the place in the queue is lost.
    pub(crate) async fn enter(&self) -> Result<Entry, Refusal> {
        let held = Arc::clone(&self.entry).lock_owned().await;
        Visitor::admit(self).map(|Visitor| Entry { _held: held })
    }

    /// Signs in, where nobody is.
    ///
    /// # Errors
    /// [`Refusal::AlreadyLoggedIn`].
    pub(crate) fn sign_in(
        self: &Arc<Self>,
        caller: Signed,
        presence: &Presence,
        sessions: &Sessions,
    ) -> Result<(), Refusal> {
        let mut state = self.state();
        match &*state {
            Some(state) => Err(Refusal::AlreadyLoggedIn(state.caller.user.clone())),
            None => {
                let session: Weak<Self> = Arc::downgrade(self);
                *state = Some(State {
                    _online: presence.enter(caller.user.clone()),
                    _listed: sessions.list(&caller.user, caller.token_hash, session),
                    _end: caller.ended.clone().drop_guard(),
                    caller,
                });
                self.standing.send_replace(Standing::Signed);
                Ok(())
            }
        }
    }

    /// Who is signed in.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.state().as_ref().map(|state| state.caller.user.clone())
    }

    /// Signs out.
    pub(crate) fn sign_out(&self) {
        self.end(&mut self.state());
    }

    fn end(&self, state: &mut Option<State>) {
        *state = None;
        self.standing.send_replace(Standing::Stranger);
    }

    /// Whether somebody is signed in, and when that changes.
    pub(crate) fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }

    /// Whether somebody is signed in now.
    pub(crate) fn stands(&self) -> Standing {
        *self.standing.borrow()
    }

    fn state(&self) -> MutexGuard<'_, Option<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SignOut for Session {
    fn sign_out_of(&self, token_hash: &TokenHash) {
        let mut state = self.state();
        if state.as_ref().is_some_and(|state| state.caller.token_hash == *token_hash) {
            self.end(&mut state);
        }
    }
}

/// Somebody whom a command admits.
pub(crate) trait Caller: Sized + Send {
    /// The caller of this kind on a connection.
    ///
    /// # Errors
    /// The refusal that somebody else gets.
    fn admit(session: &Session) -> Result<Self, Refusal>;
}

/// A caller who is signed out.
#[derive(Debug)]
pub(crate) struct Visitor;

impl Caller for Visitor {
    fn admit(session: &Session) -> Result<Self, Refusal> {
        match &*session.state() {
            Some(state) => Err(Refusal::AlreadyLoggedIn(state.caller.user.clone())),
            None => Ok(Self),
        }
    }
}

/// A caller who is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
    /// Cancelled when the session ends or the server stops.
    pub(crate) ended: CancellationToken,
}

impl Caller for Signed {
    fn admit(session: &Session) -> Result<Self, Refusal> {
        let state = session.state();
        state.as_ref().map(|state| state.caller.clone()).ok_or(Refusal::NotLoggedIn)
    }
}
