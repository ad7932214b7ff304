//! The sessions of a user, as the index table lists them.

use bytes::Bytes;
use qchat_proto::{SessionId, Timestamp, UserName};

use crate::store::error::StoreError;
use crate::store::interface::{Range, Read, Stop, Table};
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
    tables: &mut (impl Read + ?Sized),
    user: &UserName,
) -> Result<Vec<(Timestamp, TokenHash)>, Stop> {
    let start = keys::session_of_user(user, &[]);
    let rows = tables.range(&Range::prefix(Table::SessionsOfUser, start.clone()))?;
    let session = |(key, used): (Bytes, Bytes)| {
        let token_hash = key.get(start.len()..).and_then(|hash| hash.try_into().ok());
        let token_hash = token_hash.ok_or(StoreError::Damaged("token hash"))?;
        Ok((records::decode(&used, "session's time")?, token_hash))
    };
    rows.into_iter().map(session).collect()
}
