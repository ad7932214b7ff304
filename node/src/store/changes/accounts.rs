//! Accounts.

use qchat_proto::{ClientId, Refusal, Timestamp, UserName};
use redb::ReadableTable;

use super::{ApplyError, Change, earlier_effect, record_effect};
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
    type Outcome = ();

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        match earlier_effect(tables, &self.user, self.id)? {
            Some(Effect::Account) => return Ok(()),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let key = tables::name(self.user.as_str());
        if tables.accounts.get(key)?.is_some() {
            return Err(Refusal::UserExists(self.user.clone()).into());
        }
        let account = Account { password_hash: self.password_hash.clone(), created: self.at };
        tables::put(&mut tables.accounts, key, &account)?;
        record_effect(tables, &self.user, self.id, &Effect::Account)
    }
}
