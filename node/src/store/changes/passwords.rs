//! The password hash of an account, for the changes that depend on a password.

use qchat_proto::UserName;

use crate::store::change::ApplyError;
use crate::store::interface::{Read, Table, Write};
use crate::store::schema::keys;
use crate::store::schema::records::AccountRecord;
use crate::store::schema::rows;

/// The outcome of a change that depends on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PasswordOutcome {
    /// The change was made.
    Done,
    /// The change was not made: the password was checked against an outdated hash, or the same registration or
    /// password change was made before.
    CheckAgain,
}

/// The account, if `password_hash` is still the hash of its password.
pub(super) fn account_of_password(
    tables: &mut dyn Read,
    user: &UserName,
    password_hash: &str,
) -> Result<Option<AccountRecord>, ApplyError> {
    let account: Option<AccountRecord> =
        rows::find(tables, Table::Accounts, keys::name(user.as_str()), "account")?;
    Ok(account.filter(|account| account.password_hash == password_hash))
}

pub(super) fn set_password_hash(
    tables: &mut dyn Write,
    user: &UserName,
    account: &AccountRecord,
    password_hash: &str,
) -> Result<(), ApplyError> {
    let account =
        AccountRecord { password_hash: password_hash.to_owned(), created: account.created };
    Ok(rows::put(tables, Table::Accounts, keys::name(user.as_str()), &account)?)
}
