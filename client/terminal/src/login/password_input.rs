//! Passwords that no line holds: given by the settings, or asked for at the terminal without echo.

use std::io::{self, IsTerminal};

use qchat_client::UserName;
use qchat_proto::{Code, Password};

use crate::command::PasswordChange;
use crate::error::{CommandError, CommandResult};
use crate::exit::Exit;
use crate::login::saved_session::MissingSession;
use crate::output::note_change;

/// The source of passwords that no line holds.
#[derive(Debug, Clone)]
pub(crate) struct PasswordSource {
    given: Option<Password>,
    terminal: bool,
}

impl PasswordSource {
    /// Uses the given password, and asks only if standard input is a terminal.
    pub(crate) fn new(given: Option<Password>) -> Self {
        Self { given, terminal: io::stdin().is_terminal() }
    }

    /// Has no password, and asks nobody.
    pub(crate) fn none() -> Self {
        Self { given: None, terminal: false }
    }

    /// The password of `--user`.
    pub(crate) async fn of_account(
        &self,
        user: &UserName,
        missing: &MissingSession,
    ) -> CommandResult<Password> {
        let why = missing.reason(user);
        match &self.given {
            Some(given) => Ok(given.clone()),
            None if self.terminal => {
                let why = why.map(|why| format!("{why}\n")).unwrap_or_default();
                ask(format!("{why}password of {user}: ")).await
            }
            None => {
                let why = why.unwrap_or_else(|| format!("no saved session of {user} here"));
                let text = format!(
                    "{why}: give the password by --password-file FILE or QCHAT_PASSWORD, or sign in \
                     once at a terminal"
                );
                Err(CommandError { code: Code::NotLoggedIn, text, exit: Exit::Usage })
            }
        }
    }

    /// The password for an `auth_login` without one.
    pub(crate) async fn for_login(&self, user: &UserName) -> CommandResult<Password> {
        match &self.given {
            _ if self.terminal => ask(format!("password of {user}: ")).await,
            given => given.clone().ok_or_else(|| missing("auth_login")),
        }
    }

    /// The password for an `auth_register` without one. A person is asked twice, because a mistyped password
    /// could never be found out.
    pub(crate) async fn for_registration(&self, user: &UserName) -> CommandResult<Password> {
        if !self.terminal {
            return self.given.clone().ok_or_else(|| missing("auth_register"));
        }
        ask_twice(format!("password for {user}: ")).await
    }

    /// The passwords for a `passwd` without them. Only a person knows the new one.
    pub(crate) async fn for_change(&self, user: &UserName) -> CommandResult<PasswordChange> {
        if !self.terminal {
            return Err(CommandError::refused(Code::Usage, "no passwords; usage: passwd OLD NEW"));
        }
        let old = ask(format!("password of {user}: ")).await?;
        let new = ask_twice(format!("new password for {user}: ")).await?;
        Ok(PasswordChange { old, new })
    }
}

/// Asks twice for a new password, because a mistyped one could never be found out.
async fn ask_twice(prompt: String) -> CommandResult<Password> {
    let password = ask(prompt).await?;
    match ask("the same again: ".to_owned()).await? == password {
        true => Ok(password),
        false => {
            Err(CommandError::refused(Code::Usage, "the two passwords differ; nothing was done"))
        }
    }
}

fn missing(command: &str) -> CommandError {
    let text = format!(
        "no password; usage: {command} USER PASSWORD (or --password-file FILE, or QCHAT_PASSWORD)"
    );
    CommandError::refused(Code::Usage, text)
}

/// Asks at the terminal, also if standard output is redirected.
async fn ask(prompt: String) -> CommandResult<Password> {
    note_change();
    let typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)).await;
    let typed = typed.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    let typed = typed.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            CommandError::refused(Code::Cancelled, "no password was given; nothing was done")
        }
        _ => {
            CommandError::refused(Code::Usage, format!("the password cannot be asked for: {error}"))
        }
    })?;
    Password::try_from(typed).map_err(|wrong| CommandError::refused(Code::Usage, wrong.to_string()))
}
