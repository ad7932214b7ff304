//! Sessions: resumed, listed, ended.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::time::Duration;

use qchat_proto::command::{
    Done, Logout, LogoutEverywhere, Resume, Resumed, RevokeSession, Session, SessionList, Sessions,
};
use qchat_proto::{Few, Refusal, SessionToken, Timestamp, UserName};

use crate::auth::{Entry, Signed, Visitor};
use crate::clock;
use crate::connection::{Answer, Call, Work};
use crate::error::Failure;
use crate::error_chain::chain;
use crate::limits::rate_limit;
use crate::store::changes::{EndSessions, UseSession, Which};
use crate::store::queries::{SessionRow, TokenHash, session_id};

/// How long a session lives after it was used last.
const SESSION_TIME_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How exactly the store knows when a session was used: each note of it costs an fsync.
const USE_NOTED_EVERY: Duration = Duration::from_secs(60 * 60);

/// What the store knows of a token.
pub(super) fn hash(token: &SessionToken) -> TokenHash {
    blake3::hash(token.expose()).into()
}

impl Call {
    /// Waits until this command may sign somebody in.
    pub(super) async fn entry(&self) -> Result<Entry, Refusal> {
        self.unless_over(self.session.enter()).await?
    }

    /// Makes the connection that of a user.
    pub(super) async fn sign_in(
        &self,
        _: Entry,
        user: &UserName,
        token_hash: TokenHash,
    ) -> Result<(), Failure> {
        self.pay_for_coming(user).await;
        self.node.sign_in(&self.session, user.clone(), token_hash).await
    }

    /// Everybody who watches is told who comes online. Who comes and goes without end pays for that.
    async fn pay_for_coming(&self, user: &UserName) {
        let node = &self.node;
        if !node.presence.is_online(user) {
            let tokens = rate_limit::of_telling(node.hub.watchers());
            let account = node.rates.account(user);
            // Where that is over, signing in is as well.
            let _ = self.unless_over(account.pay(tokens)).await;
        }
    }

    pub(super) async fn end(&self, user: UserName, which: Which) -> Result<Done, Failure> {
        self.node.commit_ending(&user.clone(), EndSessions { user, which }).await?;
        Ok(Done)
    }
}

/// Whether a session that was used last at that time has ended by its age, unless it is online.
fn has_expired(used: Timestamp, now: Timestamp) -> bool {
    clock::is_older(used, now, SESSION_TIME_MAX)
}

impl Answer for Resume {
    type Caller = Visitor;

    async fn answer(self, _: Visitor, call: &mut Call) -> Result<Resumed, Failure> {
        let entry = call.entry().await?;
        let (token_hash, at) = (hash(&self.token), clock::now());
        let session = call.node.store.session(token_hash).await?;
        let (user, SessionRow { created, used, .. }) = session.ok_or(Refusal::SessionEnded)?;
        if has_expired(used, at) && !call.node.sessions.online(&user).contains(&token_hash) {
            call.end(user, Which::Token(token_hash)).await?;
            return Err(Refusal::SessionEnded.into());
        }
        // The first use is noted at once: sessions that were never used again give way first.
        if used == created || clock::is_older(used, at, USE_NOTED_EVERY) {
            // A disk that takes no writes keeps nobody out who wants to read.
            if let Err(error) = call.node.store.commit(UseSession { token_hash, at }).await {
                tracing::warn!(error = chain(&error), "the use of a session could not be noted");
            }
        }
        call.sign_in(entry, &user, token_hash).await?;
        Ok(Resumed { user })
    }
}

impl Answer for Logout {
    type Caller = Signed;

    const WORK: Work = Work::Ending;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        call.end(caller.user, Which::Token(caller.token_hash)).await
    }
}

impl Answer for LogoutEverywhere {
    type Caller = Signed;

    const WORK: Work = Work::Ending;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        call.end(caller.user, Which::All).await
    }
}

impl Answer for RevokeSession {
    type Caller = Signed;

    const WORK: Work = Work::Ending;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        call.end(caller.user, Which::Id(self.id)).await
    }
}

impl Answer for Sessions {
    type Caller = Signed;

    const WORK: Work = Work::Ending;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<SessionList, Failure> {
        let online: HashSet<_> = call.node.sessions.online(&caller.user).into_iter().collect();
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
        let rows = call.node.store.sessions(caller.user.clone()).await?;
        let sessions = rows.into_iter().map(session);
        let mut sessions: Vec<_> = sessions.filter(|one| !has_expired(one.used, now)).collect();
        sessions.sort_by_key(|session| Reverse((session.current, session.used, session.created)));
        Ok(SessionList { sessions: Few::first_of(sessions) })
    }
}
