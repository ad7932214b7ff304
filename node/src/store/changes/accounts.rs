//! Accounts and their passwords.

use qchat_proto::{ClientId, Refusal, Timestamp, UserName};

use super::sessions::{end_all, is_session};
use super::{ApplyError, Change, earlier_effect, record_effect};
use crate::store::queries::TokenHash;
use crate::store::records::{Account, Effect};
use crate::store::tables::{self, Tables};

/// Makes an account. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct CreateAccount {
    pub(crate) id: ClientId,
    pub(crate) user: UserName,
    /// The password's argon2id hash in PHC form.
    pub(crate) password_hash: String,
    pub(crate) at: Timestamp,
}

impl Change for CreateAccount {
    type Outcome = ByPassword;

    fn apply(&self, tables: &mut Tables<'_>) -> Result<ByPassword, ApplyError> {
        match earlier_effect(tables, &self.user, self.id)? {
            // Whether it had the same password only a hash can tell.
            Some(Effect::Account) => return Ok(ByPassword::CheckAgain),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let key = tables::name(self.user.as_str());
        if tables.accounts.get(key)?.is_some() {
            return Err(Refusal::UserExists(self.user.clone()).into());
        }
        tables.room.admit_growth()?;
        let account = Account { password_hash: self.password_hash.clone(), created: self.at };
        tables::put(&mut tables.accounts, key, &account)?;
        record_effect(tables, &self.user, self.id, &Effect::Account)?;
        Ok(ByPassword::Done)
    }
}

/// What came of a change that rests on a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ByPassword {
    /// It was made.
    Done,
    /// It was not: the password was checked against a hash that is not the account's any more, or this
    /// registration or change of it was made before.
    CheckAgain,
}

/// Changes a password and ends all sessions but one. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct ChangePassword {
    pub(crate) id: ClientId,
    pub(crate) user: UserName,
    /// The session that stays: who asks.
    pub(crate) session: TokenHash,
    /// The hash that the old password was checked against.
    pub(crate) verified: String,
    /// That of the new one.
    pub(crate) password_hash: String,
}

impl Change for ChangePassword {
    type Outcome = ByPassword;

    fn apply(&self, tables: &mut Tables<'_>) -> Result<ByPassword, ApplyError> {
        if !is_session(tables, &self.user, &self.session)? {
            return Err(Refusal::NotLoggedIn.into());
        }
        match earlier_effect(tables, &self.user, self.id)? {
            // Whether it had the same content only a hash can tell.
            Some(Effect::Password) => return Ok(ByPassword::CheckAgain),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let Some(account) = account_of_password(tables, &self.user, &self.verified)? else {
            return Ok(ByPassword::CheckAgain);
        };
        set_password_hash(tables, &self.user, &account, &self.password_hash)?;
        end_all(tables, &self.user, |token_hash| *token_hash != self.session)?;
        record_effect(tables, &self.user, self.id, &Effect::Password)?;
        Ok(ByPassword::Done)
    }
}

/// The account, where that is its password's hash.
pub(super) fn account_of_password(
    tables: &Tables<'_>,
    user: &UserName,
    password_hash: &str,
) -> Result<Option<Account>, ApplyError> {
    let account: Option<Account> =
        tables::lookup(&tables.accounts, tables::name(user.as_str()), "account")?;
    Ok(account.filter(|account| account.password_hash == password_hash))
}

pub(super) fn set_password_hash(
    tables: &mut Tables<'_>,
    user: &UserName,
    account: &Account,
    password_hash: &str,
) -> Result<(), ApplyError> {
    let account = Account { password_hash: password_hash.to_owned(), created: account.created };
    Ok(tables::put(&mut tables.accounts, tables::name(user.as_str()), &account)?)
}
