//! The sessions of a user, as the index table lists them.

use qchat_proto::{SessionId, Timestamp, UserName};
use redb::ReadableTable;

use crate::store::error::StoreError;
use crate::store::schema::rows_read::CountedReads;
use crate::store::schema::{keys, records};

/// The BLAKE3 hash of a session's token. The token has 256 random bits, so a fast hash hides it.
pub(crate) type TokenHash = [u8; 32];

/// The id of the session with this token: the first bytes of its hash, which resume nothing.
pub(crate) fn session_id(token_hash: &TokenHash) -> SessionId {
    let [a, b, c, d, e, f, ..] = *token_hash;
    SessionId([a, b, c, d, e, f])
}

/// The time of the last use and the token hash of each session of a user.
pub(in crate::store) fn sessions_of(
    table: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    user: &UserName,
) -> Result<Vec<(Timestamp, TokenHash)>, StoreError> {
    let start = keys::session_of_user(user, &[]);
    let mut sessions = Vec::new();
    for row in table.range(start.as_slice()..)? {
        let (key, used) = row?;
        let Some(token_hash) = key.value().strip_prefix(start.as_slice()) else { break };
        let token_hash = token_hash.try_into().map_err(|_| StoreError::Damaged("token hash"))?;
        sessions.push((records::decode(used.value(), "session's time")?, token_hash));
    }
    Ok(sessions)
}
