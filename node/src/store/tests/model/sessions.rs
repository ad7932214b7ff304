//! Sessions and passwords, the plain way.

use qchat_proto::{Refusal, UserName};

use super::Model;
use crate::store::changes::{ByPassword, ChangePassword, EndSessions, StartSession, Which};
use crate::store::queries::TokenHash;
use crate::store::records::{Account, Effect, Session};

/// How many bytes of a token's hash are the session's id.
const ID_BYTES: usize = 6;

impl Model {
    pub(super) fn start_session(&mut self, start: &StartSession) -> ByPassword {
        let Some(account) = self.account_of_password(&start.user, &start.verified) else {
            return ByPassword::CheckAgain;
        };
        if let Some(rehashed) = &start.rehashed {
            account.password_hash.clone_from(rehashed);
        }
        // Never so many here that one has to give way for its age.
        let id = &start.token_hash[..ID_BYTES];
        self.sessions
            .retain(|other, session| session.user != start.user || other[..ID_BYTES] != *id);
        let session = Session { user: start.user.clone(), created: start.at, used: start.at };
        self.sessions.insert(start.token_hash, session);
        ByPassword::Done
    }

    pub(super) fn end_sessions(&mut self, end: &EndSessions) -> Result<(), Refusal> {
        let is_meant = |token_hash: &TokenHash| match end.which {
            Which::Token(meant) => *token_hash == meant,
            Which::Id(id) => token_hash[..ID_BYTES] == id.0,
            Which::All => true,
        };
        let before = self.sessions.len();
        self.sessions
            .retain(|token_hash, session| session.user != end.user || !is_meant(token_hash));
        match end.which {
            Which::Id(id) if self.sessions.len() == before => Err(Refusal::SessionNotFound(id)),
            _ => Ok(()),
        }
    }

    pub(super) fn change_password(
        &mut self,
        change: &ChangePassword,
    ) -> Result<ByPassword, Refusal> {
        let ChangePassword { id, user, session, verified, password_hash } = change;
        if self.sessions.get(session).is_none_or(|session| session.user != *user) {
            return Err(Refusal::NotLoggedIn);
        }
        match self.requests.get(&(user.clone(), *id)) {
            Some(Effect::Password) => return Ok(ByPassword::CheckAgain),
            Some(_) => return Err(Refusal::IdReused),
            None => {}
        }
        let Some(account) = self.account_of_password(user, verified) else {
            return Ok(ByPassword::CheckAgain);
        };
        account.password_hash.clone_from(password_hash);
        self.sessions.retain(|token_hash, other| other.user != *user || token_hash == session);
        self.requests.insert((user.clone(), *id), Effect::Password);
        Ok(ByPassword::Done)
    }

    fn account_of_password(&mut self, user: &UserName, hash: &str) -> Option<&mut Account> {
        self.accounts.get_mut(user).filter(|account| account.password_hash == hash)
    }
}
