//! Sessions, which their tokens resume.

use qchat_proto::limits::SESSIONS_MAX;
use qchat_proto::{Refusal, SessionId, Timestamp, UserName};

use super::passwords::{PasswordOutcome, account_of_password, set_password_hash};
use crate::store::change::{ApplyError, Change};
use crate::store::interface::{Needs, Range, Read, Stop, Table, Write};
use crate::store::schema::keys;
use crate::store::schema::records::SessionRecord;
use crate::store::schema::rows;
use crate::store::schema::session_index::{TokenHash, session_id, sessions_of};

/// Starts a session. If the user has the most sessions allowed, another session ends, in [`EvictionOrder`]. A
/// session with the same id ends too.
#[derive(Debug, Clone)]
pub(crate) struct StartSession {
    pub(crate) user: UserName,
    pub(crate) token_hash: TokenHash,
    /// The hash that the password was checked against.
    pub(crate) verified: String,
    /// The hash that replaces the checked one, if that one is weak.
    pub(crate) rehashed: Option<String>,
    /// The sessions of the user that are signed in on a connection.
    pub(crate) online: Vec<TokenHash>,
    pub(crate) at: Timestamp,
}

impl Change for StartSession {
    type Outcome = PasswordOutcome;

    fn needs(&self) -> Needs {
        sessions_needed(&self.user)
            .row(Table::Accounts, keys::name(self.user.as_str()))
            .row(Table::Sessions, self.token_hash)
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<PasswordOutcome, ApplyError> {
        let Some(account) = account_of_password(tables, &self.user, &self.verified)? else {
            return Ok(PasswordOutcome::CheckAgain);
        };
        if let Some(rehashed) = &self.rehashed {
            set_password_hash(tables, &self.user, &account, rehashed)?;
        }
        let mut others = sessions_of(tables, &self.user)?;
        others.retain(|(_, token_hash)| *token_hash != self.token_hash);
        let id = session_id(&self.token_hash);
        let surplus = (others.len() + 1).saturating_sub(SESSIONS_MAX);
        if surplus > 0 {
            let mut ordered = self.eviction_orders(tables, &others)?;
            ordered.sort_unstable();
            for (_, token_hash) in ordered.iter().take(surplus) {
                remove(tables, &self.user, token_hash)?;
            }
        }
        for (_, twin) in others.iter().filter(|(_, token_hash)| session_id(token_hash) == id) {
            remove(tables, &self.user, twin)?;
        }
        let session = SessionRecord { user: self.user.clone(), created: self.at, used: self.at };
        write(tables, &self.token_hash, &session)?;
        Ok(PasswordOutcome::Done)
    }
}

/// The order in which sessions are evicted, the smallest first.
///
/// A script in an empty home folder leaves a session that nobody uses again. All of these are evicted before the
/// session of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct EvictionOrder {
    is_online: bool,
    was_used_again: bool,
    used: Timestamp,
}

impl StartSession {
    fn eviction_orders(
        &self,
        tables: &mut dyn Read,
        sessions: &[(Timestamp, TokenHash)],
    ) -> Result<Vec<(EvictionOrder, TokenHash)>, Stop> {
        let keys: Vec<_> = sessions.iter().map(|(_, token_hash)| token_hash.to_vec()).collect();
        let records = rows::find_all(tables, Table::Sessions, &keys, "session")?;
        let ordered = |((used, token_hash), record): (&_, Option<SessionRecord>)| {
            let was_used_again = record.is_some_and(|session| session.used > session.created);
            let is_online = self.online.contains(token_hash);
            (EvictionOrder { is_online, was_used_again, used: *used }, *token_hash)
        };
        Ok(sessions.iter().zip(records).map(ordered).collect())
    }
}

/// Records the use of a session.
#[derive(Debug, Clone)]
pub(crate) struct UseSession {
    pub(crate) token_hash: TokenHash,
    pub(crate) at: Timestamp,
}

impl Change for UseSession {
    type Outcome = ();

    fn needs(&self) -> Needs {
        Needs::default().row(Table::Sessions, self.token_hash)
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<(), ApplyError> {
        // The session may have ended meanwhile.
        match rows::find::<SessionRecord>(tables, Table::Sessions, &self.token_hash, "session")? {
            Some(session) => {
                write(tables, &self.token_hash, &SessionRecord { used: self.at, ..session })
            }
            None => Ok(()),
        }
    }
}

/// Ends sessions. Their tokens resume nothing any more.
#[derive(Debug, Clone)]
pub(crate) struct EndSessions {
    pub(crate) user: UserName,
    pub(crate) which: SessionSelection,
}

/// Some of a user's sessions.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SessionSelection {
    /// The session of this token. Ending a session twice is no error.
    Token(TokenHash),
    /// The session with this id, which must exist.
    Id(SessionId),
    /// All sessions of the user.
    All,
}

impl Change for EndSessions {
    type Outcome = ();

    fn frees_space(&self) -> bool {
        true
    }

    fn needs(&self) -> Needs {
        match self.which {
            SessionSelection::Token(token_hash) => Needs::default()
                .row(Table::Sessions, token_hash)
                .row(Table::SessionsOfUser, keys::session_of_user(&self.user, &token_hash)),
            SessionSelection::All | SessionSelection::Id(_) => sessions_needed(&self.user),
        }
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<(), ApplyError> {
        match self.which {
            SessionSelection::Token(token_hash) => remove(tables, &self.user, &token_hash),
            SessionSelection::All => end_sessions(tables, &self.user, |_| true),
            SessionSelection::Id(id) => {
                let sessions = sessions_of(tables, &self.user)?;
                let found = sessions.iter().find(|(_, token_hash)| session_id(token_hash) == id);
                let (_, token_hash) = found.ok_or(Refusal::SessionNotFound(id))?;
                remove(tables, &self.user, token_hash)
            }
        }
    }
}

/// The list of a user's sessions.
fn sessions_needed(user: &UserName) -> Needs {
    let sessions = keys::session_of_user(user, &[]);
    Needs::default().range(Range::prefix(Table::SessionsOfUser, sessions))
}

/// Ends the selected sessions of a user.
pub(super) fn end_sessions(
    tables: &mut dyn Write,
    user: &UserName,
    is_selected: impl Fn(&TokenHash) -> bool,
) -> Result<(), ApplyError> {
    for (_, token_hash) in sessions_of(tables, user)? {
        if is_selected(&token_hash) {
            remove(tables, user, &token_hash)?;
        }
    }
    Ok(())
}

/// Whether the token belongs to a session of this user.
pub(super) fn is_session(
    tables: &mut dyn Read,
    user: &UserName,
    token_hash: &TokenHash,
) -> Result<bool, ApplyError> {
    let session: Option<SessionRecord> =
        rows::find(tables, Table::Sessions, token_hash, "session")?;
    Ok(session.is_some_and(|session| session.user == *user))
}

fn write(
    tables: &mut dyn Write,
    token_hash: &[u8],
    session: &SessionRecord,
) -> Result<(), ApplyError> {
    rows::put(tables, Table::Sessions, token_hash, session)?;
    let key = keys::session_of_user(&session.user, token_hash);
    Ok(rows::put(tables, Table::SessionsOfUser, &key, &session.used)?)
}

fn remove(
    tables: &mut dyn Write,
    user: &UserName,
    token_hash: &TokenHash,
) -> Result<(), ApplyError> {
    tables.remove(Table::Sessions, token_hash)?;
    tables.remove(Table::SessionsOfUser, &keys::session_of_user(user, token_hash))?;
    Ok(())
}
