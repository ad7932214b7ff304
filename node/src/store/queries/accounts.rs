//! Queries about accounts.

use qchat_proto::{ClientId, UserName};

use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Range, Table};
use crate::store::schema::records::{AccountRecord, CommandEffect};
use crate::store::schema::{keys, rows};

/// The state of a password before a registration or a password change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PasswordState {
    /// The hash of the password, in PHC form.
    pub(crate) hash: Option<String>,
    /// Whether the registration with this id created the account.
    pub(crate) is_registered: bool,
    /// Whether the change with this id was made before.
    pub(crate) is_changed: bool,
}

impl Store {
    /// The password hash of an account, in PHC form.
    pub(crate) async fn password_hash(&self, user: UserName) -> Result<Option<String>, StoreError> {
        self.read(move |tables| {
            let key = keys::name(user.as_str());
            let account: Option<AccountRecord> =
                rows::find(tables, Table::Accounts, key, "account")?;
            Ok(account.map(|account| account.password_hash))
        })
        .await
    }

    /// The state of an account's password, for a registration or a password change with this id.
    pub(crate) async fn password_state(
        &self,
        user: UserName,
        id: ClientId,
    ) -> Result<PasswordState, StoreError> {
        self.read(move |tables| {
            let key = keys::name(user.as_str());
            let account: Option<AccountRecord> =
                rows::find(tables, Table::Accounts, key, "account")?;
            let key = keys::effect(&user, id);
            let earlier = rows::find(tables, Table::Effects, &key, "request")?;
            Ok(PasswordState {
                hash: account.map(|account| account.password_hash),
                is_registered: earlier == Some(CommandEffect::Account),
                is_changed: earlier == Some(CommandEffect::Password),
            })
        })
        .await
    }

    /// The names of the users after `after`, in their order, and whether more follow.
    pub(crate) async fn users(
        &self,
        after: Option<UserName>,
    ) -> Result<(Vec<UserName>, bool), StoreError> {
        self.read(move |tables| {
            let after = after.as_ref().map(|user| keys::name(user.as_str()));
            let (page, more) = rows::page(tables, Range::all(Table::Accounts).behind_any(after))?;
            let users: Result<_, _> = page.iter().map(|(key, _)| user_name(key)).collect();
            Ok((users?, more))
        })
        .await
    }
}

/// The user name in a key.
pub(super) fn user_name(key: &[u8]) -> Result<UserName, StoreError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| name.parse().ok());
    name.ok_or(StoreError::Damaged("user name"))
}
