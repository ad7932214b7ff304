//! Questions about accounts and sessions.

use qchat_proto::limits::PAGE_ITEMS_MAX;
use qchat_proto::{Timestamp, UserName};

use crate::store::fault::Fault;
use crate::store::records::{Account, Session};
use crate::store::{Store, tables};

/// The BLAKE3 hash of a session's token. The token has 256 random bits, so a fast hash hides it.
pub(crate) type TokenHash = [u8; 32];

impl Store {
    /// The password hash of an account, in PHC form.
    pub(crate) async fn password_hash(&self, user: UserName) -> Result<Option<String>, Fault> {
        self.read(move |snapshot| {
            let key = tables::name(user.as_str());
            let account: Option<Account> =
                tables::find(snapshot, tables::ACCOUNTS, key, "account")?;
            Ok(account.map(|account| account.password_hash))
        })
        .await
    }

    /// Whose session a token resumes, and when it was used last.
    pub(crate) async fn session(
        &self,
        token_hash: TokenHash,
    ) -> Result<Option<(UserName, Timestamp)>, Fault> {
        self.read(move |snapshot| {
            let session: Option<Session> =
                tables::find(snapshot, tables::SESSIONS, &token_hash, "session")?;
            Ok(session.map(|session| (session.user, session.used)))
        })
        .await
    }

    /// The names of the users after `after`, in their order, and whether more follow.
    pub(crate) async fn users(
        &self,
        after: Option<UserName>,
    ) -> Result<(Vec<UserName>, bool), Fault> {
        self.read(move |snapshot| {
            let accounts = snapshot.open_table(tables::ACCOUNTS)?;
            let after = after.as_ref().map(|user| tables::name(user.as_str()));
            let mut users = Vec::new();
            for row in accounts.range(after.unwrap_or_default()..)? {
                let (key, _) = row?;
                if Some(key.value()) == after {
                    continue;
                }
                if users.len() == PAGE_ITEMS_MAX {
                    return Ok((users, true));
                }
                users.push(user_name(key.value())?);
            }
            Ok((users, false))
        })
        .await
    }
}

/// A user's name from a key.
pub(super) fn user_name(key: &[u8]) -> Result<UserName, Fault> {
    let name = std::str::from_utf8(key).ok().and_then(|name| name.parse().ok());
    name.ok_or(Fault::Damaged("user name"))
}
