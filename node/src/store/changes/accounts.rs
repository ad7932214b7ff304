//! Accounts and their passwords.

use qchat_proto::{ClientId, Refusal, Timestamp, UserName};

use super::passwords::{PasswordOutcome, account_of_password, set_password_hash};
use super::sessions::{end_sessions, is_session};
use crate::store::change::{ApplyError, Change, earlier_effect, record_effect};
use crate::store::interface::{Needs, Range, Table, Write};
use crate::store::schema::keys;
use crate::store::schema::records::{AccountRecord, CommandEffect};
use crate::store::schema::rows;
use crate::store::schema::session_index::TokenHash;

/// Creates an account. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct CreateAccount {
    pub(crate) id: ClientId,
    pub(crate) user: UserName,
    /// The argon2id hash of the password, in PHC form.
    pub(crate) password_hash: String,
    pub(crate) at: Timestamp,
}

impl Change for CreateAccount {
    type Outcome = PasswordOutcome;

    fn needs(&self) -> Needs {
        Needs::default()
            .absent(Table::Effects, keys::effect(&self.user, self.id))
            .row(Table::Accounts, keys::name(self.user.as_str()))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<PasswordOutcome, ApplyError> {
        match earlier_effect(tables, &self.user, self.id)? {
            // Only a hash can tell whether the earlier registration had the same password.
            Some(CommandEffect::Account) => return Ok(PasswordOutcome::CheckAgain),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let key = keys::name(self.user.as_str());
        if tables.get(Table::Accounts, key)?.is_some() {
            return Err(Refusal::UserExists(self.user.clone()).into());
        }
        tables.free_space().admit_growth()?;
        let account = AccountRecord { password_hash: self.password_hash.clone(), created: self.at };
        rows::put(tables, Table::Accounts, key, &account)?;
        record_effect(tables, &self.user, self.id, &CommandEffect::Account)?;
        Ok(PasswordOutcome::Done)
    }
}

/// Changes a password and ends all sessions but one. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct SetPassword {
    pub(crate) id: ClientId,
    pub(crate) user: UserName,
    /// The session that asks, which does not end.
    pub(crate) session: TokenHash,
    /// The hash that the old password was checked against.
    pub(crate) verified: String,
    /// The hash of the new password.
    pub(crate) password_hash: String,
}

impl Change for SetPassword {
    type Outcome = PasswordOutcome;

    fn needs(&self) -> Needs {
        Needs::default()
            .absent(Table::Effects, keys::effect(&self.user, self.id))
            .row(Table::Accounts, keys::name(self.user.as_str()))
            .row(Table::Sessions, self.session)
            .range(Range::prefix(Table::SessionsOfUser, keys::session_of_user(&self.user, &[])))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<PasswordOutcome, ApplyError> {
        if !is_session(tables, &self.user, &self.session)? {
            return Err(Refusal::NotLoggedIn.into());
        }
        match earlier_effect(tables, &self.user, self.id)? {
            // Only a hash can tell whether the earlier change had the same new password.
            Some(CommandEffect::Password) => return Ok(PasswordOutcome::CheckAgain),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let Some(account) = account_of_password(tables, &self.user, &self.verified)? else {
            return Ok(PasswordOutcome::CheckAgain);
        };
        set_password_hash(tables, &self.user, &account, &self.password_hash)?;
        end_sessions(tables, &self.user, |token_hash| *token_hash != self.session)?;
        record_effect(tables, &self.user, self.id, &CommandEffect::Password)?;
        Ok(PasswordOutcome::Done)
    }
}
