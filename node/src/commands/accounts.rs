//! Accounts and passwords: registration, sign-in, and a new password.

use std::net::IpAddr;

use qchat_proto::command::{self, ChangePassword, Done, Login, Register, Registered};
use qchat_proto::{Password, Refusal, SessionToken};

use super::sessions::hash_token;
use crate::auth::{Origin, PasswordCheck, SignedIn, SignedOut};
use crate::clock;
use crate::connection::{CommandContext, Handler};
use crate::error::CommandResult;
use crate::state::ServerState;
use crate::store::changes::{self, CreateAccount, PasswordOutcome, SessionSelection, StartSession};

/// How often a password is checked again because it was changed in the meantime. Only a client that changes
/// it without end meets this limit.
const CHECKS_MAX: usize = 4;

impl Handler for Register {
    type Caller = SignedOut;

    async fn run(self, _: SignedOut, context: &mut CommandContext) -> CommandResult<Registered> {
        context.state.register(context.network, self).await
    }
}

fn check_strength(password: &Password, minimum: u32) -> Result<(), Refusal> {
    let characters = password.expose().chars().count();
    match u32::try_from(characters) {
        Ok(characters) if characters < minimum => Err(Refusal::WeakPassword(minimum)),
        _ => Ok(()),
    }
}

impl Handler for Login {
    type Caller = SignedOut;

    async fn run(
        self,
        _: SignedOut,
        context: &mut CommandContext,
    ) -> CommandResult<command::SignedIn> {
        let Self { user, password } = self;
        let entry = context.sign_in_permit().await?;
        let origin = Origin { network: context.network, user: user.clone() };
        let token = context.state.start_session(&origin, &password).await?;
        let signed_in = context.sign_in(entry, &user, hash_token(&token)).await;
        if signed_in.is_err() || context.connection.close_reason().is_some() {
            // The client will not learn the token. If the session does not end now, later sessions replace
            // it.
            let _ = context
                .end_sessions(user.clone(), SessionSelection::Token(hash_token(&token)))
                .await;
        }
        signed_in?;
        Ok(command::SignedIn { user, token })
    }
}

impl Handler for ChangePassword {
    type Caller = SignedIn;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        context.state.change_password(&caller, context.network, self).await?;
        tracing::info!(user = %caller.user, "password changed");
        Ok(Done)
    }
}

impl ServerState {
    /// Makes an account. A repetition gets the same answer, also if no more accounts may be made by now, but
    /// only if its password is the current one. Otherwise its user would trust a password that does not work.
    async fn register(
        &self,
        network: IpAddr,
        Register { id, user, password }: Register,
    ) -> CommandResult<Registered> {
        let mut state = self.store.password_state(user.clone(), id).await?;
        if !state.is_registered {
            check_strength(&password, self.limits.password_characters_min)?;
            let password_hash =
                self.passwords.hash_for_registration(network, password.clone()).await?;
            let account = CreateAccount { id, user: user.clone(), password_hash, at: clock::now() };
            if self.store.commit(account).await? == PasswordOutcome::Done {
                tracing::info!(%user, "account made");
                return Ok(Registered { user });
            }
            // The same command has made it in the meantime.
            state = self.store.password_state(user.clone(), id).await?;
        }
        let origin = Origin { network, user: user.clone() };
        match self.passwords.check(&origin, password, state.hash).await? {
            PasswordCheck::Wrong => Err(Refusal::IdReused.into()),
            PasswordCheck::Right | PasswordCheck::RightButWeak => Ok(Registered { user }),
        }
    }

    /// Starts a session if the password is right, and replaces a hash that is weaker than today's.
    pub(crate) async fn start_session(
        &self,
        origin: &Origin,
        password: &Password,
    ) -> CommandResult<SessionToken> {
        let Origin { user, network } = origin;
        for _ in 0..CHECKS_MAX {
            let known = self.store.password_hash(user.clone()).await?;
            let check = self.passwords.check(origin, password.clone(), known.clone()).await?;
            let (Some(verified), PasswordCheck::Right | PasswordCheck::RightButWeak) =
                (known, check)
            else {
                return Err(Refusal::BadCredentials.into());
            };
            let rehashed = match check {
                // If the server is too busy, the hash is replaced at a later sign-in.
                PasswordCheck::RightButWeak => {
                    self.passwords.hash(*network, password.clone()).await.ok()
                }
                _ => None,
            };
            let token = SessionToken::random();
            let (token_hash, at) = (hash_token(&token), clock::now());
            let online = self.sessions.online(user);
            let start =
                StartSession { user: user.clone(), token_hash, verified, rehashed, online, at };
            if self.commit_ending(user, start).await? == PasswordOutcome::Done {
                return Ok(token);
            }
        }
        Err(Refusal::Busy.into())
    }

    /// Changes the password if the old one is right. A repetition succeeds only if its new password is the
    /// current one. Otherwise its user would trust a password that does not work.
    pub(crate) async fn change_password(
        &self,
        caller: &SignedIn,
        network: IpAddr,
        ChangePassword { id, old, new }: ChangePassword,
    ) -> CommandResult<()> {
        let SignedIn { user, token_hash, .. } = caller;
        let origin = Origin { network, user: user.clone() };
        for _ in 0..CHECKS_MAX {
            let state = self.store.password_state(user.clone(), id).await?;
            if state.is_changed {
                return match self.passwords.check(&origin, new, state.hash).await? {
                    PasswordCheck::Wrong => Err(Refusal::IdReused.into()),
                    PasswordCheck::Right | PasswordCheck::RightButWeak => Ok(()),
                };
            }
            check_strength(&new, self.limits.password_characters_min)?;
            let check = self.passwords.check(&origin, old.clone(), state.hash.clone()).await?;
            let (Some(verified), PasswordCheck::Right | PasswordCheck::RightButWeak) =
                (state.hash, check)
            else {
                return Err(Refusal::BadCredentials.into());
            };
            let password_hash = self.passwords.hash(network, new.clone()).await?;
            let (user, session) = (user.clone(), *token_hash);
            let change = changes::SetPassword { id, user, session, verified, password_hash };
            if self.commit_ending(&caller.user, change).await? == PasswordOutcome::Done {
                return Ok(());
            }
        }
        Err(Refusal::Busy.into())
    }
}

#[cfg(test)]
mod tests;
