//! Who is signed in, and how they are signed in again: by the token of this run, by a saved session,
//! or by the password that `--user` stands for.

use std::path::Path;

use qchat_client::{Client, Password, Refusal, ServerAddress, SessionToken, UserName};

use crate::failure::Failure;
use crate::perform::Manner;
use crate::secrets::Secrets;
use crate::session_file::SessionFile;

/// What a line needs before it can be run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// A session, if one is saved; no password is asked for.
    Session,
    /// Someone who is signed in, by password if nothing else helps.
    SignedIn,
}

/// What signing in takes.
#[derive(Debug)]
pub(crate) struct Means<'a> {
    pub(crate) secrets: &'a Secrets,
    pub(crate) manner: &'a mut Manner,
}

/// The session of this run, and the account that it is for.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// Whom `--user` names, and where their session is saved.
    named: Option<(UserName, SessionFile)>,
    /// Whether `--user` still says who is to be signed in. It ends with the first line that signs in
    /// or out.
    automatic: bool,
    session: Option<Session>,
    /// The password that was typed, where the link was lost before the server had it: nobody is asked for
    /// it again.
    typed: Option<Password>,
    /// Why signing in failed. Trying again on every line would only make the server slow.
    failed: Option<Failure>,
}

#[derive(Debug)]
struct Session {
    user: UserName,
    token: SessionToken,
    saved: bool,
}

impl Account {
    /// The account that `--user` names.
    pub(crate) fn named(user: UserName, sessions: &Path, server: &ServerAddress) -> Self {
        let file = SessionFile::new(sessions, server, &user);
        Self { named: Some((user, file)), automatic: true, ..Self::default() }
    }

    /// Signs the connection in, as far as that is possible and needed.
    ///
    /// # Errors
    /// The server refuses the password, or there is none. That no session is there is no error.
    ///
    /// # Cancel safety
    /// Cancel safe: what was signed in and not noted is signed in again by the next call.
    pub(crate) async fn sign_in(
        &mut self,
        client: &Client,
        need: Need,
        with: &mut Means<'_>,
    ) -> Result<Vec<String>, Failure> {
        if client.user().is_some() || self.resume(client, with).await? || !self.automatic {
            return Ok(Vec::new());
        }
        let Some((user, file)) = &self.named else { return Ok(Vec::new()) };
        if let Some(failed) = self.failed.clone().filter(|_| need == Need::SignedIn) {
            return Err(failed);
        }
        let load = |error| {
            Failure::refused(
                "local_file",
                format!("the saved session of {user} cannot be read: {error}"),
            )
        };
        if let Some(token) = file.load().map_err(load)? {
            self.session = Some(Session { user: user.clone(), token, saved: true });
            if self.resume(client, with).await? {
                return Ok(Vec::new());
            }
        }
        match need {
            Need::Session => Ok(Vec::new()),
            Need::SignedIn => self.sign_in_by_password(client, with).await,
        }
    }

    /// Resumes the session of this run; says whether there was one that the server still knows.
    async fn resume(&mut self, client: &Client, with: &mut Means<'_>) -> Result<bool, Failure> {
        let Some(session) = &self.session else { return Ok(false) };
        let resumed = with.manner.ask(client.resume(session.token.clone())).await;
        match resumed.map_err(nothing_done) {
            Ok(_) => Ok(true),
            Err(failure) if failure.code == Refusal::SessionEnded.code() => {
                self.forget();
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }

    async fn sign_in_by_password(
        &mut self,
        client: &Client,
        with: &mut Means<'_>,
    ) -> Result<Vec<String>, Failure> {
        let Some((user, _)) = self.named.clone() else { return Ok(Vec::new()) };
        let typed = match self.typed.take() {
            Some(typed) => Ok(typed),
            None => {
                let typed = with.secrets.of_account(&user).await;
                // The time that a person takes to type it is not the server's.
                with.manner.begin();
                typed
            }
        };
        let signed_in = match typed {
            Ok(password) => {
                let asked = client.login(user.clone(), password.clone());
                let signed_in = with.manner.ask(asked).await.map_err(nothing_done);
                if matches!(&signed_in, Err(failure) if failure.code == "unreachable") {
                    self.typed = Some(password);
                }
                signed_in
            }
            Err(failure) => Err(failure),
        };
        match signed_in {
            Ok(token) => Ok(self.keep(&user, token).into_iter().collect()),
            Err(failure) => {
                if is_final(&failure) {
                    self.failed = Some(failure.clone());
                }
                Err(failure)
            }
        }
    }

    /// Notes a session that was begun by a line.
    pub(crate) fn begin(&mut self, user: &UserName, token: SessionToken) -> Option<String> {
        self.automatic = false;
        self.keep(user, token)
    }

    /// Saves the session if it is the one of `--user`. What is to be said where that fails.
    fn keep(&mut self, user: &UserName, token: SessionToken) -> Option<String> {
        let file = self.named.as_ref().filter(|(named, _)| named == user).map(|(_, file)| file);
        let saved = file.map(|file| file.save(&token));
        let saved_now = matches!(saved, Some(Ok(())));
        self.session = Some(Session { user: user.clone(), token, saved: saved_now });
        match saved {
            Some(Err(error)) => Some(format!("the session cannot be saved: {error}")),
            _ => None,
        }
    }

    /// Notes that a line has ended the session.
    pub(crate) fn end(&mut self) {
        self.automatic = false;
        self.forget();
    }

    /// Lets `--user` rest: who is signed out stays so until a line signs in.
    pub(crate) fn give_up(&mut self) {
        self.automatic = false;
    }

    fn forget(&mut self) {
        let saved = self.session.take().is_some_and(|session| session.saved);
        if let Some((_, file)) = self.named.as_ref().filter(|_| saved) {
            // A token that is worth nothing any more may stay.
            let _ = file.delete();
        }
    }

    /// Whose session it is, whether or not the link stands.
    pub(crate) fn user(&self) -> Option<UserName> {
        self.session.as_ref().map(|session| session.user.clone())
    }

    /// What resumes the session.
    pub(crate) fn token(&self) -> Option<SessionToken> {
        self.session.as_ref().map(|session| session.token.clone())
    }

    /// Whether the session would be lost with this run, so that it is better ended.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.session.as_ref().is_some_and(|session| !session.saved)
    }
}

/// Whatever became of the attempt to sign in, nothing was done of what the line asks for.
fn nothing_done(failure: Failure) -> Failure {
    match failure.code {
        "outcome_unknown" => Failure::unreachable(failure.text),
        _ => failure,
    }
}

/// Whether the next attempt would end in the same way, or is a person's to make.
fn is_final(failure: &Failure) -> bool {
    matches!(
        failure.code,
        "bad_credentials" | "too_many_attempts" | "not_logged_in" | "cancelled" | "usage"
    )
}
