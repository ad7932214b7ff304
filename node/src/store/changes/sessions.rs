//! Sessions: what a token resumes.

use qchat_proto::limits::SESSIONS_MAX;
use qchat_proto::{Refusal, SessionId, Timestamp, UserName};

use super::accounts::{ByPassword, account_of_password, set_password_hash};
use super::{ApplyError, Change};
use crate::store::queries::{TokenHash, session_id, sessions_of};
use crate::store::records::Session;
use crate::store::tables::{self, Tables};

/// Starts a session. If the user has as many as one may have, one of the others ends, by the order of
/// [`Worth`]; so does one with the new one's id.
#[derive(Debug, Clone)]
pub(crate) struct StartSession {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
    /// The hash that the password was checked against.
    pub(crate) verified: String,
    /// The hash that is to replace it.
    pub(crate) rehashed: Option<String>,
    /// The user's sessions that are signed in on a connection.
    pub(crate) online: Vec<TokenHash>,
    pub(crate) at: Timestamp,
}

impl Change for StartSession {
    type Outcome = ByPassword;

    fn apply(&self, tables: &mut Tables<'_>) -> Result<ByPassword, ApplyError> {
        let Some(account) = account_of_password(tables, &self.user, &self.verified)? else {
            return Ok(ByPassword::CheckAgain);
        };
        if let Some(rehashed) = &self.rehashed {
            set_password_hash(tables, &self.user, &account, rehashed)?;
        }
        let mut others = sessions_of(&tables.sessions_of_user, &self.user)?;
        others.retain(|(_, token_hash)| *token_hash != self.token_hash);
        let id = session_id(&self.token_hash);
        let surplus = (others.len() + 1).saturating_sub(SESSIONS_MAX);
        if surplus > 0 {
            let worth =
                |(used, token_hash)| Ok((self.worth(tables, used, &token_hash)?, token_hash));
            let others: Result<Vec<_>, ApplyError> = others.iter().copied().map(worth).collect();
            let mut others = others?;
            others.sort_unstable();
            for (_, token_hash) in others.iter().take(surplus) {
                remove(tables, &self.user, token_hash)?;
            }
        }
        for (_, twin) in others.iter().filter(|(_, token_hash)| session_id(token_hash) == id) {
            remove(tables, &self.user, twin)?;
        }
        let session = Session { user: self.user.clone(), created: self.at, used: self.at };
        write(tables, &self.token_hash, &session)?;
        Ok(ByPassword::Done)
    }
}

/// How much a session is worth to its user: the least one gives way first.
///
/// A script in a fresh home leaves a session that nobody uses again. However many those are, they end
/// before the session of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Worth {
    is_online: bool,
    was_used_again: bool,
    used: Timestamp,
}

impl StartSession {
    fn worth(
        &self,
        tables: &Tables<'_>,
        used: Timestamp,
        token_hash: &TokenHash,
    ) -> Result<Worth, ApplyError> {
        let session: Option<Session> = tables::lookup(&tables.sessions, token_hash, "session")?;
        let was_used_again = session.is_some_and(|session| session.used > session.created);
        Ok(Worth { is_online: self.online.contains(token_hash), was_used_again, used })
    }
}

/// Notes that a session is still in use.
#[derive(Debug, Clone)]
pub(crate) struct UseSession {
    pub(crate) token_hash: TokenHash,
    pub(crate) at: Timestamp,
}

impl Change for UseSession {
    type Outcome = ();

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        // It may have ended meanwhile.
        match tables::lookup::<Session>(&tables.sessions, &self.token_hash, "session")? {
            Some(session) => write(tables, &self.token_hash, &Session { used: self.at, ..session }),
            None => Ok(()),
        }
    }
}

/// Ends sessions: their tokens resume nothing any more.
#[derive(Debug, Clone)]
pub(crate) struct EndSessions {
    pub(crate) user: UserName,
    pub(crate) which: Which,
}

/// Some of a user's sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Which {
    /// That of this token. Ending it twice is no error.
    Token(TokenHash),
    /// The one of this id, which must exist.
    Id(SessionId),
    /// Every one.
    All,
}

impl Change for EndSessions {
    type Outcome = ();

    fn makes_room(&self) -> bool {
        true
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        match self.which {
            Which::Token(token_hash) => remove(tables, &self.user, &token_hash),
            Which::All => end_all(tables, &self.user, |_| true),
            Which::Id(id) => {
                let sessions = sessions_of(&tables.sessions_of_user, &self.user)?;
                let found = sessions.iter().find(|(_, token_hash)| session_id(token_hash) == id);
                let (_, token_hash) = found.ok_or(Refusal::SessionNotFound(id))?;
                remove(tables, &self.user, token_hash)
            }
        }
    }
}

/// Ends those of a user's sessions that are meant.
pub(super) fn end_all(
    tables: &mut Tables<'_>,
    user: &UserName,
    is_meant: impl Fn(&TokenHash) -> bool,
) -> Result<(), ApplyError> {
    for (_, token_hash) in sessions_of(&tables.sessions_of_user, user)? {
        if is_meant(&token_hash) {
            remove(tables, user, &token_hash)?;
        }
    }
    Ok(())
}

/// Whether the token resumes a session of this user.
pub(super) fn is_session(
    tables: &Tables<'_>,
    user: &UserName,
    token_hash: &TokenHash,
) -> Result<bool, ApplyError> {
    let session: Option<Session> = tables::lookup(&tables.sessions, token_hash, "session")?;
    Ok(session.is_some_and(|session| session.user == *user))
}

fn write(tables: &mut Tables<'_>, token_hash: &[u8], session: &Session) -> Result<(), ApplyError> {
    tables::put(&mut tables.sessions, token_hash, session)?;
    let key = tables::session_of_user(&session.user, token_hash);
    Ok(tables::put(&mut tables.sessions_of_user, &key, &session.used)?)
}

fn remove(
    tables: &mut Tables<'_>,
    user: &UserName,
    token_hash: &TokenHash,
) -> Result<(), ApplyError> {
    tables.sessions.remove(token_hash.as_slice())?;
    tables.sessions_of_user.remove(tables::session_of_user(user, token_hash).as_slice())?;
    Ok(())
}
