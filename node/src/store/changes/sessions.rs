//! Sessions: what a token resumes.

use qchat_proto::{Timestamp, UserName};
use redb::ReadableTable;

use super::{ApplyError, Change};
use crate::store::queries::TokenHash;
use crate::store::records::{self, Session};
use crate::store::tables::{self, Tables};

/// How many sessions one user may have. One more ends the one that was not used for the longest time.
const SESSIONS_OF_USER_MAX: usize = 256;

/// Starts a session.
#[derive(Debug, Clone)]
pub(crate) struct StartSession {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
    pub(crate) at: Timestamp,
}

impl Change for StartSession {
    type Outcome = ();

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        let mut others = sessions_of(tables, &self.user)?;
        others.sort_by_key(|(used, _)| *used);
        let surplus = (others.len() + 1).saturating_sub(SESSIONS_OF_USER_MAX);
        for (_, token_hash) in others.into_iter().take(surplus) {
            remove(tables, &self.user, &token_hash)?;
        }
        let session = Session { user: self.user.clone(), created: self.at, used: self.at };
        write(tables, &self.token_hash, &session)
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

/// Ends a session: its token resumes nothing any more. Ending it twice is no error.
#[derive(Debug, Clone)]
pub(crate) struct EndSession {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
}

impl Change for EndSession {
    type Outcome = ();

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        remove(tables, &self.user, &self.token_hash)
    }
}

/// When each session of a user was used last, and the hash of its token.
fn sessions_of(
    tables: &Tables<'_>,
    user: &UserName,
) -> Result<Vec<(Timestamp, Vec<u8>)>, ApplyError> {
    let start = tables::session_of_user(user, &[]);
    let mut sessions = Vec::new();
    for row in tables.sessions_of_user.range(start.as_slice()..)? {
        let (key, used) = row?;
        let Some(token_hash) = key.value().strip_prefix(start.as_slice()) else { break };
        sessions.push((records::decode(used.value(), "session's time")?, token_hash.to_owned()));
    }
    Ok(sessions)
}

fn write(tables: &mut Tables<'_>, token_hash: &[u8], session: &Session) -> Result<(), ApplyError> {
    tables::put(&mut tables.sessions, token_hash, session)?;
    let key = tables::session_of_user(&session.user, token_hash);
    Ok(tables::put(&mut tables.sessions_of_user, &key, &session.used)?)
}

fn remove(tables: &mut Tables<'_>, user: &UserName, token_hash: &[u8]) -> Result<(), ApplyError> {
    tables.sessions.remove(token_hash)?;
    tables.sessions_of_user.remove(tables::session_of_user(user, token_hash).as_slice())?;
    Ok(())
}
