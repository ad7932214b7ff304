//! Sessions: resume, list and end.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use qchat_proto::command::{
    Done, Logout, LogoutEverywhere, Resume, Resumed, RevokeSession, Session, SessionList, Sessions,
};
use qchat_proto::{BoundedVec, Refusal, SessionToken, Timestamp, UserName};

use crate::auth::{SignInPermit, SignedIn, SignedOut};
use crate::clock;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::CommandResult;
use crate::error_chain::error_chain;
use crate::limits::cost;
use crate::store::changes::{EndSessions, SessionSelection, UseSession};
use crate::store::queries::{SessionRow, TokenHash, session_id};

/// How long a session lasts after its last use.
const SESSION_TIME_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How exactly the store knows the last use of a session: each update costs an fsync.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// The hash by which the store knows a token.
pub(super) fn hash_token(token: &SessionToken) -> TokenHash {
    blake3::hash(token.expose()).into()
}

impl CommandContext {
    /// Waits for the right to sign a user in on this connection.
    pub(super) async fn sign_in_permit(&self) -> Result<SignInPermit, Refusal> {
        self.unless_closed(self.session.sign_in_permit()).await?
    }

    /// Signs a user in on this connection.
    pub(super) async fn sign_in(
        &self,
        _: SignInPermit,
        user: &UserName,
        token_hash: TokenHash,
    ) -> CommandResult<()> {
        self.charge_for_presence(user).await;
        self.state.sign_in(&self.session, user.clone(), token_hash).await
    }

    /// Every watcher is notified of a user that comes online, so a user that comes and goes without end pays
    /// for that.
    async fn charge_for_presence(&self, user: &UserName) {
        let state = &self.state;
        if !state.presence.is_online(user) {
            let tokens = cost::of_watchers(state.notifier.watchers());
            let account = state.rate_limits.account(user);
            // If the connection has ended, the sign-in fails as well.
            let _ = self.unless_closed(account.bucket.acquire(tokens)).await;
        }
    }

    pub(super) async fn end_sessions(
        &self,
        user: UserName,
        which: SessionSelection,
    ) -> CommandResult<Done> {
        self.state.commit_ending(&user.clone(), EndSessions { user, which }).await?;
        Ok(Done)
    }
}

/// Whether a session has ended by its age. A session that is online has not.
fn has_expired(used: Timestamp, now: Timestamp) -> bool {
    clock::is_older(used, now, SESSION_TIME_MAX)
}

impl Handler for Resume {
    type Caller = SignedOut;

    async fn run(self, _: SignedOut, context: &mut CommandContext) -> CommandResult<Resumed> {
        let entry = context.sign_in_permit().await?;
        let (token_hash, at) = (hash_token(&self.token), clock::now());
        let session = context.state.store.session(token_hash).await?;
        let (user, SessionRow { created, used, .. }) = session.ok_or(Refusal::SessionEnded)?;
        if has_expired(used, at) && !context.state.sessions.online(&user).contains(&token_hash) {
            context.end_sessions(user, SessionSelection::Token(token_hash)).await?;
            return Err(Refusal::SessionEnded.into());
        }
        // The first use is stored at once: sessions that were never used again are replaced first.
        if used == created || clock::is_older(used, at, USE_NOTED_EVERY) {
            // A disk that takes no writes keeps no reader out.
            if let Err(error) = context.state.store.commit(UseSession { token_hash, at }).await {
                tracing::warn!(
                    error = error_chain(&error),
                    "the use of a session could not be noted"
                );
            }
        }
        context.sign_in(entry, &user, token_hash).await?;
        Ok(Resumed { user })
    }
}

impl Handler for Logout {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::SessionControl;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        context.end_sessions(caller.user, SessionSelection::Token(caller.token_hash)).await
    }
}

impl Handler for LogoutEverywhere {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::SessionControl;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        context.end_sessions(caller.user, SessionSelection::All).await
    }
}

impl Handler for RevokeSession {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::SessionControl;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        context.end_sessions(caller.user, SessionSelection::Id(self.id)).await
    }
}

impl Handler for Sessions {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::SessionControl;

    async fn run(
        self,
        caller: SignedIn,
        context: &mut CommandContext,
    ) -> CommandResult<SessionList> {
        let online: HashSet<_> = context.state.sessions.online(&caller.user).into_iter().collect();
        let now = clock::now();
        let session = |row: SessionRow| {
            let online = online.contains(&row.token_hash);
            Session {
                id: session_id(&row.token_hash),
                created: row.created,
                used: if online { now } else { row.used },
                current: row.token_hash == caller.token_hash,
                online,
            }
        };
        let rows = context.state.store.sessions(caller.user.clone()).await?;
        let sessions = rows.into_iter().map(session);
        let mut sessions: Vec<_> = sessions.filter(|one| !has_expired(one.used, now)).collect();
        sessions.sort_by_key(|session| Reverse((session.current, session.used, session.created)));
        Ok(SessionList { sessions: BoundedVec::first_of(sessions) })
    }
}
