//! The password hash of an account, for the changes that depend on a password.

use qchat_proto::UserName;

use crate::store::change::ApplyError;
use crate::store::schema::keys;
use crate::store::schema::records::AccountRecord;
use crate::store::schema::tables::{self, Tables};

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
    tables: &Tables<'_>,
    user: &UserName,
    password_hash: &str,
) -> Result<Option<AccountRecord>, ApplyError> {
    let account: Option<AccountRecord> =
        tables::lookup(&tables.accounts, keys::name(user.as_str()), "account")?;
    Ok(account.filter(|account| account.password_hash == password_hash))
}

pub(super) fn set_password_hash(
    tables: &mut Tables<'_>,
    user: &UserName,
    account: &AccountRecord,
    password_hash: &str,
) -> Result<(), ApplyError> {
    let account =
        AccountRecord { password_hash: password_hash.to_owned(), created: account.created };
    Ok(tables::put(&mut tables.accounts, keys::name(user.as_str()), &account)?)
}
