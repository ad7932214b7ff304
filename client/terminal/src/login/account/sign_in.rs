//! The ways to sign in, in their order: the session of this run, a saved session, the password.

use std::fs::File;

use qchat_client::{Client, Code, UserName};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::{Account, IntendedUser, Requirement, SavePolicy, Session, SignInContext};
use crate::error::{CommandError, CommandResult};
use crate::login::saved_session::{MissingSession, SavedToken};

impl Account {
    /// Signs the connection in, as far as possible and required.
    ///
    /// # Errors
    /// The server refuses the password, or there is none. A missing session is no error.
    ///
    /// # Cancel safety
    /// Cancel safe: a sign-in that was not noted is repeated by the next call.
    pub(crate) async fn sign_in(
        &mut self,
        client: &Client,
        requirement: Requirement,
        context: &mut SignInContext<'_>,
    ) -> CommandResult<Vec<String>> {
        if client.user().is_some() || self.resume(client, context).await? || !self.automatic {
            return Ok(Vec::new());
        }
        let Some(intended) = self.intended.clone() else { return Ok(Vec::new()) };
        if let Some(failed) = self.failed.clone().filter(|_| requirement == Requirement::SignedIn) {
            return Err(failed);
        }
        let user = intended.user();
        let missing = match self.resume_saved(user, client, context).await? {
            None => return Ok(Vec::new()),
            Some(missing) => missing,
        };
        match (requirement, &intended) {
            (Requirement::Session, _) => Ok(Vec::new()),
            (Requirement::SignedIn, IntendedUser::Last(user)) => {
                Ok(self.forget_last(user, &missing))
            }
            (Requirement::SignedIn, IntendedUser::Named(user)) => {
                self.sign_in_by_password(user, &missing, client, context).await
            }
        }
    }

    /// Resumes the session of this run. Returns whether there was one that the server still knows.
    async fn resume(
        &mut self,
        client: &Client,
        context: &SignInContext<'_>,
    ) -> CommandResult<bool> {
        let Some(session) = &self.session else { return Ok(false) };
        let resumed = context.time.query(client.resume(session.token.clone())).await;
        match resumed.map_err(nothing_done) {
            Ok(_) => Ok(true),
            Err(failure) if failure.code == Code::SessionEnded => {
                self.ended = self.session.take().map(|session| session.token);
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Resumes the saved session of a user. Returns the reason if there is none. A session that has ended stays
    /// in its file until another one replaces it, so that each run can report it.
    async fn resume_saved(
        &mut self,
        user: &UserName,
        client: &Client,
        context: &SignInContext<'_>,
    ) -> CommandResult<Option<MissingSession>> {
        let Some(saved) = &self.saved else { return Ok(Some(MissingSession::Missing)) };
        let load = |error| {
            CommandError::refused(
                Code::LocalFile,
                format!("the saved session of {user} cannot be read: {error}"),
            )
        };
        let unusable = |how: &str, path: std::path::PathBuf| {
            let text = format!("the saved session of {user} is {how}: {}", path.display());
            Ok(Some(MissingSession::Unusable(text)))
        };
        match saved.of(user).load().map_err(load)? {
            SavedToken::Nothing => Ok(Some(MissingSession::Missing)),
            SavedToken::Empty(path) => unusable("an empty file", path),
            SavedToken::Damaged(path) => unusable("damaged", path),
            SavedToken::Token(token) if self.ended.as_ref() == Some(&token) => {
                Ok(Some(MissingSession::Ended))
            }
            SavedToken::Token(token) => {
                self.session = Some(Session { user: user.clone(), token, saved: true });
                let is_resumed = self.resume(client, context).await?;
                Ok(Some(MissingSession::Ended).filter(|_| !is_resumed))
            }
        }
    }

    /// Forgets the user who signed in last at the prompt. Returns the remark about it.
    fn forget_last(&mut self, user: &UserName, missing: &MissingSession) -> Vec<String> {
        self.automatic = false;
        if let Some(saved) = &self.saved {
            saved.forget_last(user);
        }
        let remark =
            missing.reason(user).map(|why| format!("{why}; sign in with auth_login {user}"));
        remark.into_iter().collect()
    }

    async fn sign_in_by_password(
        &mut self,
        user: &UserName,
        missing: &MissingSession,
        client: &Client,
        context: &mut SignInContext<'_>,
    ) -> CommandResult<Vec<String>> {
        let password = match self.typed.take() {
            Some(typed) => typed,
            None => {
                let typed = context.secrets.of_account(user, missing).await;
                // The time of a person who types does not count.
                context.time.restart();
                typed.map_err(|failure| self.remember_if_final(failure))?
            }
        };
        let _lock = self.lock_sign_in(user, context).await;
        // Another run may have signed in in the meantime. Then its session is used, and no second one begins.
        if self.policy != SavePolicy::Nothing
            && self.resume_saved(user, client, context).await?.is_none()
        {
            return Ok(Vec::new());
        }
        let asked = client.login(user.clone(), password.clone());
        match context.time.query(asked).await.map_err(nothing_done) {
            Ok(token) => Ok(self.save(user, token).into_iter().collect()),
            Err(failure) => {
                if failure.code == Code::Unreachable {
                    self.typed = Some(password);
                }
                Err(self.remember_if_final(failure))
            }
        }
    }

    /// Remembers an error that each later attempt would have too.
    fn remember_if_final(&mut self, failure: CommandError) -> CommandError {
        if is_final(&failure) {
            self.failed = Some(failure.clone());
        }
        failure
    }

    /// Waits until no other run signs this user in, if the session is to be saved. Without a writable folder
    /// there is no lock.
    async fn lock_sign_in(&self, user: &UserName, context: &SignInContext<'_>) -> Option<File> {
        let (saved, user) = (self.saved.clone()?, user.clone());
        if self.policy == SavePolicy::Nothing {
            return None;
        }
        let lock = spawn_blocking(move || saved.lock_sign_in(&user));
        timeout(context.time.deadline.left(), lock).await.ok()?.ok()?.ok()
    }
}

/// An unknown outcome of a sign-in means only that the command was not executed.
fn nothing_done(failure: CommandError) -> CommandError {
    match failure.code.is_outcome_unknown() {
        true => CommandError::unreachable(failure.text),
        false => failure,
    }
}

/// Whether the next attempt would end in the same way, or needs a decision of the user.
fn is_final(failure: &CommandError) -> bool {
    matches!(
        failure.code,
        Code::BadCredentials
            | Code::TooManyAttempts
            | Code::NotLoggedIn
            | Code::Cancelled
            | Code::Usage
    )
}
