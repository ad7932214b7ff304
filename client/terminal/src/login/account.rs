//! The user of this run, and the session that is resumed on each new connection.

mod sign_in;

use std::path::Path;

use qchat_client::{Password, SessionToken, UserName};

use crate::config::ServerNames;
use crate::deadline::TimeLimit;
use crate::error::CommandError;
use crate::login::password_input::PasswordSource;
use crate::login::saved_session::{SavedSessions, SavedToken};

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
        server: &ServerNames,
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
