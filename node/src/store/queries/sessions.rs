//! Queries about sessions.

use qchat_proto::{Timestamp, UserName};

use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::Table;
use crate::store::schema::records::SessionRecord;
use crate::store::schema::rows;
use crate::store::schema::session_index::{TokenHash, sessions_of};

/// A session, in the form that its user may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) token_hash: TokenHash,
    pub(crate) created: Timestamp,
    pub(crate) used: Timestamp,
}

impl Store {
    /// The session that a token resumes, and its user.
    pub(crate) async fn session(
        &self,
        token_hash: TokenHash,
    ) -> Result<Option<(UserName, SessionRow)>, StoreError> {
        self.read(move |tables| {
            let session: Option<SessionRecord> =
                rows::find(tables, Table::Sessions, &token_hash, "session")?;
            Ok(session.map(|SessionRecord { user, created, used }| {
                (user, SessionRow { token_hash, created, used })
            }))
        })
        .await
    }

    /// All sessions of a user.
    pub(crate) async fn sessions(&self, user: UserName) -> Result<Vec<SessionRow>, StoreError> {
        self.read(move |tables| {
            let sessions = sessions_of(tables, &user)?;
            let keys: Vec<_> = sessions.iter().map(|(_, token_hash)| token_hash.to_vec()).collect();
            let records = rows::find_all(tables, Table::Sessions, &keys, "session")?;
            let row = |((used, token_hash), session): (_, Option<SessionRecord>)| {
                let created = session.ok_or(StoreError::Damaged("session"))?.created;
                Ok(SessionRow { token_hash, created, used })
            };
            sessions.into_iter().zip(records).map(row).collect()
        })
        .await
    }
}
