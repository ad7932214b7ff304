//! Questions about sessions.

use qchat_proto::{SessionId, Timestamp, UserName};
use redb::ReadableTable;

use crate::store::error::StoreError;
use crate::store::records::{self, Session};
use crate::store::rows_read::CountedReads;
use crate::store::{Store, tables};

/// The BLAKE3 hash of a session's token. The token has 256 random bits, so a fast hash hides it.
pub(crate) type TokenHash = [u8; 32];

/// A session as its user may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) token_hash: TokenHash,
    pub(crate) created: Timestamp,
    pub(crate) used: Timestamp,
}

/// The id of the session with this token: a beginning of its hash, from which nothing can be resumed.
pub(crate) fn session_id(token_hash: &TokenHash) -> SessionId {
    let [a, b, c, d, e, f, ..] = *token_hash;
    SessionId([a, b, c, d, e, f])
}

impl Store {
    /// The session that a token resumes, and its user.
    pub(crate) async fn session(
        &self,
        token_hash: TokenHash,
    ) -> Result<Option<(UserName, SessionRow)>, StoreError> {
        self.read(move |snapshot| {
            let session: Option<Session> =
                tables::find(snapshot, tables::SESSIONS, &token_hash, "session")?;
            Ok(session.map(|Session { user, created, used }| {
                (user, SessionRow { token_hash, created, used })
            }))
        })
        .await
    }

    /// All sessions of a user.
    pub(crate) async fn sessions(&self, user: UserName) -> Result<Vec<SessionRow>, StoreError> {
        self.read(move |snapshot| {
            let sessions = snapshot.open_table(tables::SESSIONS)?;
            let rows = sessions_of(&snapshot.open_table(tables::SESSIONS_OF_USER)?, &user)?;
            let row = |(used, token_hash): (Timestamp, TokenHash)| {
                let session: Option<Session> = tables::lookup(&sessions, &token_hash, "session")?;
                let created = session.ok_or(StoreError::Damaged("session"))?.created;
                Ok(SessionRow { token_hash, created, used })
            };
            rows.into_iter().map(row).collect()
        })
        .await
    }
}

/// When each session of a user was used last, and the hash of its token.
pub(in crate::store) fn sessions_of(
    table: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    user: &UserName,
) -> Result<Vec<(Timestamp, TokenHash)>, StoreError> {
    let start = tables::session_of_user(user, &[]);
    let mut sessions = Vec::new();
    for row in table.range(start.as_slice()..)? {
        let (key, used) = row?;
        let Some(token_hash) = key.value().strip_prefix(start.as_slice()) else { break };
        let token_hash = token_hash.try_into().map_err(|_| StoreError::Damaged("token hash"))?;
        sessions.push((records::decode(used.value(), "session's time")?, token_hash));
    }
    Ok(sessions)
}
