//! Sessions and passwords in the model.

use qchat_proto::{Refusal, UserName};

use super::{Model, ModelEffect};
use crate::store::changes::{
    EndSessions, PasswordOutcome, SessionSelection, SetPassword, StartSession,
};
use crate::store::queries::TokenHash;
use crate::store::schema::records::{AccountRecord, SessionRecord};

/// The bytes of a token's hash that are the session's id.
const ID_BYTES: usize = 6;

impl Model {
    pub(super) fn start_session(&mut self, start: &StartSession) -> PasswordOutcome {
        let Some(account) = self.account_of_password(&start.user, &start.verified) else {
            return PasswordOutcome::CheckAgain;
        };
        if let Some(rehashed) = &start.rehashed {
            account.password_hash.clone_from(rehashed);
        }
        // The tests start too few sessions for an eviction.
        let id = &start.token_hash[..ID_BYTES];
        self.sessions
            .retain(|other, session| session.user != start.user || other[..ID_BYTES] != *id);
        let session = SessionRecord { user: start.user.clone(), created: start.at, used: start.at };
        self.sessions.insert(start.token_hash, session);
        PasswordOutcome::Done
    }

    pub(super) fn end_sessions(&mut self, end: &EndSessions) -> Result<(), Refusal> {
        let is_selected = |token_hash: &TokenHash| match end.which {
            SessionSelection::Token(selected) => *token_hash == selected,
            SessionSelection::Id(id) => token_hash[..ID_BYTES] == id.0,
            SessionSelection::All => true,
        };
        let before = self.sessions.len();
        self.sessions
            .retain(|token_hash, session| session.user != end.user || !is_selected(token_hash));
        match end.which {
            SessionSelection::Id(id) if self.sessions.len() == before => {
                Err(Refusal::SessionNotFound(id))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn change_password(
        &mut self,
        change: &SetPassword,
    ) -> Result<PasswordOutcome, Refusal> {
        let SetPassword { id, user, session, verified, password_hash } = change;
        if self.sessions.get(session).is_none_or(|session| session.user != *user) {
            return Err(Refusal::NotLoggedIn);
        }
        match self.effects.get(&(user.clone(), *id)) {
            Some(ModelEffect::Password) => return Ok(PasswordOutcome::CheckAgain),
            Some(_) => return Err(Refusal::IdReused),
            None => {}
        }
        let Some(account) = self.account_of_password(user, verified) else {
            return Ok(PasswordOutcome::CheckAgain);
        };
        account.password_hash.clone_from(password_hash);
        self.sessions.retain(|token_hash, other| other.user != *user || token_hash == session);
        self.effects.insert((user.clone(), *id), ModelEffect::Password);
        Ok(PasswordOutcome::Done)
    }

    fn account_of_password(&mut self, user: &UserName, hash: &str) -> Option<&mut AccountRecord> {
        self.accounts.get_mut(user).filter(|account| account.password_hash == hash)
    }
}
