//! The session of a connection. A handler's [`Caller`] type says whether it needs a signed-in user.

use std::sync::{Arc, Mutex, MutexGuard, Weak};

use qchat_proto::{Refusal, UserName};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::auth::session_registry::{Registration, SessionRegistry, SignOut};
use crate::live::{OnlineGuard, Presence};
use crate::lock::lock;
use crate::network::AuthState;
use crate::store::queries::TokenHash;

/// The session of one connection, signed out at first.
#[derive(Debug, Default)]
pub(crate) struct Session {
    state: Mutex<Option<SignInState>>,
    auth_state: watch::Sender<AuthState>,
    /// Held by the command that signs a user in.
    signing_in: Arc<AsyncMutex<()>>,
}

/// The right to sign a user in on a signed-out connection. One command has it at a time: two sign-ins at once
/// would begin two sessions, and one of them would belong to no connection.
#[derive(Debug)]
pub(crate) struct SignInPermit {
    _held: OwnedMutexGuard<()>,
}

#[derive(Debug)]
struct SignInState {
    caller: SignedIn,
    _online: OnlineGuard,
    _registration: Registration,
    /// Ends the work that runs in the session's name.
    _end: DropGuard,
}

impl Session {
    /// Waits until no other command signs a user in.
    ///
    /// # Errors
    /// [`Refusal::AlreadyLoggedIn`], if another command has signed a user in.
    ///
    /// # Cancel safety
    /// Cancel safe: the position in the queue is lost.
    pub(crate) async fn sign_in_permit(&self) -> Result<SignInPermit, Refusal> {
        let held = Arc::clone(&self.signing_in).lock_owned().await;
        SignedOut::admit(self).map(|SignedOut| SignInPermit { _held: held })
    }

    /// Signs a user in on a signed-out connection.
    ///
    /// # Errors
    /// [`Refusal::AlreadyLoggedIn`].
    pub(crate) fn sign_in(
        self: &Arc<Self>,
        caller: SignedIn,
        presence: &Presence,
        sessions: &SessionRegistry,
    ) -> Result<(), Refusal> {
        let mut state = self.state();
        match &*state {
            Some(state) => Err(Refusal::AlreadyLoggedIn(state.caller.user.clone())),
            None => {
                let session: Weak<Self> = Arc::downgrade(self);
                *state = Some(SignInState {
                    _online: presence.enter(caller.user.clone()),
                    _registration: sessions.register(&caller.user, caller.token_hash, session),
                    _end: caller.ended.clone().drop_guard(),
                    caller,
                });
                self.auth_state.send_replace(AuthState::SignedIn);
                Ok(())
            }
        }
    }

    /// The signed-in user.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.state().as_ref().map(|state| state.caller.user.clone())
    }

    pub(crate) fn sign_out(&self) {
        self.end(&mut self.state());
    }

    fn end(&self, state: &mut Option<SignInState>) {
        *state = None;
        self.auth_state.send_replace(AuthState::SignedOut);
    }

    /// Watches whether a user is signed in.
    pub(crate) fn watch_auth_state(&self) -> watch::Receiver<AuthState> {
        self.auth_state.subscribe()
    }

    /// Whether a user is signed in now.
    pub(crate) fn auth_state(&self) -> AuthState {
        *self.auth_state.borrow()
    }

    fn state(&self) -> MutexGuard<'_, Option<SignInState>> {
        lock(&self.state)
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

/// The caller that a command needs.
pub(crate) trait Caller: Sized + Send {
    /// The connection's caller, if it is of this kind.
    ///
    /// # Errors
    /// The refusal for a caller of the other kind.
    fn admit(session: &Session) -> Result<Self, Refusal>;
}

/// A caller that is signed out.
#[derive(Debug)]
pub(crate) struct SignedOut;

impl Caller for SignedOut {
    fn admit(session: &Session) -> Result<Self, Refusal> {
        match &*session.state() {
            Some(state) => Err(Refusal::AlreadyLoggedIn(state.caller.user.clone())),
            None => Ok(Self),
        }
    }
}

/// A caller that is signed in.
#[derive(Debug, Clone)]
pub(crate) struct SignedIn {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
    /// Cancelled when the session ends or the server stops.
    pub(crate) ended: CancellationToken,
}

impl Caller for SignedIn {
    fn admit(session: &Session) -> Result<Self, Refusal> {
        let state = session.state();
        state.as_ref().map(|state| state.caller.clone()).ok_or(Refusal::NotLoggedIn)
    }
}
