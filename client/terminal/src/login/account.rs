//! The user of this run, and the ways to sign in again: by the token of this run, by a saved session, or by the
//! password of `--user`.

use std::fs::File;
use std::path::Path;

use qchat_client::{Client, Code, Password, ServerAddress, SessionToken, UserName};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::deadline::TimeLimit;
use crate::error::CommandError;
use crate::login::password_input::PasswordSource;
use crate::login::saved_session::{MissingSession, SavedSessions, SavedToken};

/// The requirement of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Requirement {
    /// A session if one is saved; no password is asked for.
    Session,
    /// A signed-in user, by password if there is no other way.
    SignedIn,
}

/// The things that a sign-in uses.
#[derive(Debug)]
pub(crate) struct SignInContext<'a> {
    pub(crate) secrets: &'a PasswordSource,
    pub(crate) time: &'a mut TimeLimit,
}

/// The policy for saving sessions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum SavePolicy {
    /// No session: each ends with the run.
    #[default]
    Nothing,
    /// The session of `--user`.
    Named,
    /// Every session that a person begins at the prompt. The next prompt resumes the last one.
    All,
}

/// The user who is signed in without a command.
#[derive(Debug, Clone, PartialEq, Eq)]
enum IntendedUser {
    /// The user of `--user`: by password if no session is saved.
    Named(UserName),
    /// The user who signed in last at the prompt: by a saved session or not at all.
    Last(UserName),
}

impl IntendedUser {
    fn user(&self) -> &UserName {
        let (Self::Named(user) | Self::Last(user)) = self;
        user
    }
}

/// The session of this run, and its account.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// The saved sessions, if this run has a folder for them.
    saved: Option<SavedSessions>,
    policy: SavePolicy,
    intended: Option<IntendedUser>,
    /// Whether `intended` is signed in automatically. That ends with the first command that signs in or out.
    automatic: bool,
    session: Option<Session>,
    /// The token of the saved session that has ended, as the server has said.
    ended: Option<SessionToken>,
    /// The typed password, if the connection was lost before the server had it. Nobody is asked twice.
    typed: Option<Password>,
    /// The error of the sign-in. Another attempt for each line would only put load on the server.
    failed: Option<CommandError>,
}

#[derive(Debug)]
struct Session {
    user: UserName,
    token: SessionToken,
    saved: bool,
}

impl Account {
    /// The account of `--user`, if it is given.
    pub(crate) fn new(
        user: Option<UserName>,
        sessions: &Path,
        server: &ServerAddress,
        policy: SavePolicy,
    ) -> Self {
        let saved = Some(SavedSessions::new(sessions, server));
        let (intended, automatic) = (user.map(IntendedUser::Named), true);
        Self { saved, policy, intended, automatic, ..Self::default() }
    }

    /// Loads a saved session before there is a connection, so that its user is known: the session of `--user`,
    /// or else of the user who signed in last at the prompt. A damaged file is reported when it is needed.
    pub(crate) fn load_saved(&mut self) {
        let Some(saved) = &self.saved else { return };
        if self.intended.is_none() && self.policy == SavePolicy::All {
            self.intended = saved.last().map(IntendedUser::Last);
        }
        let Some(user) = self.intended.as_ref().map(IntendedUser::user) else { return };
        if let Ok(SavedToken::Token(token)) = saved.of(user).load() {
            self.session = Some(Session { user: user.clone(), token, saved: true });
        }
    }

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
    ) -> Result<Vec<String>, CommandError> {
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
    ) -> Result<bool, CommandError> {
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
    ) -> Result<Option<MissingSession>, CommandError> {
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
    ) -> Result<Vec<String>, CommandError> {
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

    /// Notes a session that a command began.
    pub(crate) fn begin(&mut self, user: &UserName, token: SessionToken) -> Option<String> {
        self.automatic = false;
        let remark = self.save(user, token);
        match &self.saved {
            Some(saved) if self.policy == SavePolicy::All && remark.is_none() => {
                let noted = saved.note_last(user);
                noted.err().map(|error| format!("the next prompt will not know {user}: {error}"))
            }
            _ => remark,
        }
    }

    /// Saves the session if the policy says so. Returns the remark if that fails.
    fn save(&mut self, user: &UserName, token: SessionToken) -> Option<String> {
        let is_kept = match self.policy {
            SavePolicy::Nothing => false,
            SavePolicy::Named => {
                self.intended.as_ref().is_some_and(|intended| intended.user() == user)
            }
            SavePolicy::All => true,
        };
        let saved = self.saved.as_ref().filter(|_| is_kept);
        let saved = saved.map(|saved| saved.of(user).save(&token));
        let saved_now = matches!(saved, Some(Ok(())));
        self.session = Some(Session { user: user.clone(), token, saved: saved_now });
        match saved {
            Some(Err(error)) => Some(format!("the session cannot be saved: {error}")),
            _ => None,
        }
    }

    /// Notes that a command has ended the session.
    pub(crate) fn end(&mut self) {
        self.automatic = false;
        let Some(Session { user, token, .. }) = self.session.take() else { return };
        if let Some(saved) = &self.saved {
            saved.of(&user).delete(&token);
            saved.forget_last(&user);
        }
    }

    /// Stops the automatic sign-in: without a command, nobody is signed in.
    pub(crate) fn stop_automatic_sign_in(&mut self) {
        self.automatic = false;
    }

    /// The user of the session, also while there is no connection.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.session.as_ref().map(|session| session.user.clone())
    }

    /// The token of the session.
    pub(crate) fn token(&self) -> Option<SessionToken> {
        self.session.as_ref().map(|session| session.token.clone())
    }

    /// Whether the session would be lost with this run, so that it should end.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.saved)
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
