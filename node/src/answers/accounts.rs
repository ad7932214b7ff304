//! Accounts and sessions.

use std::time::Duration;

use qchat_proto::command::{Done, Login, Logout, Register, Registered, Resume, Resumed, SignedIn};
use qchat_proto::{Password, Refusal, SessionToken, UserName};

use crate::clock;
use crate::dispatch::{Answer, Call};
use crate::endpoint;
use crate::failure::Failure;
use crate::session::{Signed, Visitor};
use crate::store::changes::{CreateAccount, EndSession, StartSession, UseSession};
use crate::store::queries::TokenHash;

/// How long a session lives after it was used last.
const SESSION_TIME_MAX: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// How exactly the store knows when a session was used: each note of it costs an fsync.
const USE_NOTED_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

fn hash(token: &SessionToken) -> TokenHash {
    blake3::hash(token.expose()).into()
}

/// Makes the connection that of a user.
fn sign_in(call: &Call, user: &UserName, token_hash: TokenHash) -> Result<(), Refusal> {
    let online = call.node.presence.enter(user.clone());
    let ended = call.node.stopping.child_token();
    call.session.sign_in(Signed { user: user.clone(), token_hash, ended }, online)?;
    endpoint::trust(&call.connection);
    Ok(())
}

impl Answer for Register {
    type Caller = Visitor;

    async fn answer(self, _: Visitor, call: &mut Call) -> Result<Registered, Failure> {
        check_strength(&self.password, call.node.limits.password_characters_min)?;
        let password_hash = call.node.passwords.hash(self.password).await?;
        let (id, user, at) = (self.id, self.user.clone(), clock::now());
        call.node.store.commit(CreateAccount { id, user, password_hash, at }).await?;
        tracing::info!(user = %self.user, "account made");
        Ok(Registered { user: self.user })
    }
}

fn check_strength(password: &Password, minimum: u32) -> Result<(), Refusal> {
    let characters = password.expose().chars().count();
    match u32::try_from(characters) {
        Ok(characters) if characters < minimum => Err(Refusal::WeakPassword(minimum)),
        _ => Ok(()),
    }
}

impl Answer for Login {
    type Caller = Visitor;

    async fn answer(self, _: Visitor, call: &mut Call) -> Result<SignedIn, Failure> {
        let known = call.node.store.password_hash(self.user.clone()).await?;
        if !call.node.passwords.verify(self.password, known).await? {
            return Err(Refusal::BadCredentials.into());
        }
        let token = SessionToken::random();
        let (user, token_hash, at) = (self.user, hash(&token), clock::now());
        call.node.store.commit(StartSession { user: user.clone(), token_hash, at }).await?;
        sign_in(call, &user, token_hash)?;
        Ok(SignedIn { user, token })
    }
}

impl Answer for Resume {
    type Caller = Visitor;

    async fn answer(self, _: Visitor, call: &mut Call) -> Result<Resumed, Failure> {
        let (token_hash, at) = (hash(&self.token), clock::now());
        let session = call.node.store.session(token_hash).await?;
        let (user, used) = session.ok_or(Refusal::SessionEnded)?;
        if clock::is_older(used, at, SESSION_TIME_MAX) {
            call.node.store.commit(EndSession { user, token_hash }).await?;
            return Err(Refusal::SessionEnded.into());
        }
        if clock::is_older(used, at, USE_NOTED_EVERY) {
            call.node.store.commit(UseSession { token_hash, at }).await?;
        }
        sign_in(call, &user, token_hash)?;
        Ok(Resumed { user })
    }
}

impl Answer for Logout {
    type Caller = Signed;

    async fn answer(self, caller: Signed, call: &mut Call) -> Result<Done, Failure> {
        let Signed { user, token_hash, .. } = caller;
        call.node.store.commit(EndSession { user, token_hash }).await?;
        call.session.sign_out();
        Ok(Done)
    }
}
