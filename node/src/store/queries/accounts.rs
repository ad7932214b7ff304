//! Questions about accounts.

use qchat_proto::limits::PAGE_ITEMS_MAX;
use qchat_proto::{ClientId, UserName};

use crate::store::error::StoreError;
use crate::store::records::{Account, Effect};
use crate::store::{Store, tables};

/// A password as a registration or a change of it finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordState {
    /// Its hash in PHC form.
    pub(crate) hash: Option<String>,
    /// Whether the registration with this id made the account.
    pub(crate) is_registered: bool,
    /// Whether the change with this id was made before.
    pub(crate) is_changed: bool,
}

impl Store {
    /// The password hash of an account, in PHC form.
    pub(crate) async fn password_hash(&self, user: UserName) -> Result<Option<String>, StoreError> {
        self.read(move |snapshot| {
            let key = tables::name(user.as_str());
            let account: Option<Account> =
                tables::find(snapshot, tables::ACCOUNTS, key, "account")?;
            Ok(account.map(|account| account.password_hash))
        })
        .await
    }

    /// The password of an account as a registration or a change of it with this id finds it.
    pub(crate) async fn password_state(
        &self,
        user: UserName,
        id: ClientId,
    ) -> Result<PasswordState, StoreError> {
        self.read(move |snapshot| {
            let key = tables::name(user.as_str());
            let account: Option<Account> =
                tables::find(snapshot, tables::ACCOUNTS, key, "account")?;
            let key = tables::request(&user, id);
            let earlier = tables::find(snapshot, tables::REQUESTS, &key, "request")?;
            Ok(PasswordState {
                hash: account.map(|account| account.password_hash),
                is_registered: earlier == Some(Effect::Account),
                is_changed: earlier == Some(Effect::Password),
            })
        })
        .await
    }

    /// The names of the users after `after`, in their order, and whether more follow.
    pub(crate) async fn users(
        &self,
        after: Option<UserName>,
    ) -> Result<(Vec<UserName>, bool), StoreError> {
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
pub(super) fn user_name(key: &[u8]) -> Result<UserName, StoreError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| name.parse().ok());
    name.ok_or(StoreError::Damaged("user name"))
}
