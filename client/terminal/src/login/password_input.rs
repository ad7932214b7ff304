//! Passwords: from a file, from the environment, or asked for at the terminal without echo.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, Read};
use std::path::Path;

use anyhow::Context;
use qchat_client::{UserName, private_file};
use qchat_proto::Password;
use qchat_proto::limits::PASSWORD_BYTES_MAX;
use zeroize::Zeroizing;

use crate::command::PasswordChange;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::login::account::MissingSession;
use crate::output::note_change;

/// Where passwords come from that are part of no line.
#[derive(Debug, Clone)]
pub(crate) struct PasswordSource {
    given: Option<Password>,
    terminal: bool,
}

impl PasswordSource {
    /// Uses what was given, and asks only where standard input is a terminal.
    pub(crate) fn new(given: Option<Password>) -> Self {
        Self { given, terminal: io::stdin().is_terminal() }
    }

    /// Asks nobody.
    pub(crate) fn none() -> Self {
        Self { given: None, terminal: false }
    }

    /// The password by which `--user` signs in.
    pub(crate) async fn of_account(
        &self,
        user: &UserName,
        missing: &MissingSession,
    ) -> Result<Password, CommandError> {
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
                Err(CommandError { code: "not_logged_in", text, exit: Exit::Usage })
            }
        }
    }

    /// The password that an `auth_login` left out.
    pub(crate) async fn for_login(&self, user: &UserName) -> Result<Password, CommandError> {
        match &self.given {
            _ if self.terminal => ask(format!("password of {user}: ")).await,
            given => given.clone().ok_or_else(|| missing("auth_login")),
        }
    }

    /// The password that an `auth_register` left out; a person is asked twice, since nobody can tell
    /// them later what they mistyped.
    pub(crate) async fn for_registration(&self, user: &UserName) -> Result<Password, CommandError> {
        if !self.terminal {
            return self.given.clone().ok_or_else(|| missing("auth_register"));
        }
        ask_twice(format!("password for {user}: ")).await
    }

    /// The passwords that a `passwd` left out. Nothing but a person knows the new one.
    pub(crate) async fn for_change(&self, user: &UserName) -> Result<PasswordChange, CommandError> {
        if !self.terminal {
            return Err(CommandError::refused("usage", "no passwords; usage: passwd OLD NEW"));
        }
        let old = ask(format!("password of {user}: ")).await?;
        let new = ask_twice(format!("new password for {user}: ")).await?;
        Ok(PasswordChange { old, new })
    }
}

/// A new password, which nobody could tell a person later if they mistyped it.
async fn ask_twice(prompt: String) -> Result<Password, CommandError> {
    let password = ask(prompt).await?;
    match ask("the same again: ".to_owned()).await? == password {
        true => Ok(password),
        false => Err(CommandError::refused("usage", "the two passwords differ; nothing was done")),
    }
}

fn missing(command: &str) -> CommandError {
    let text = format!(
        "no password; usage: {command} USER PASSWORD (or --password-file FILE, or QCHAT_PASSWORD)"
    );
    CommandError::refused("usage", text)
}

/// Asks at the terminal, whatever standard output is.
async fn ask(prompt: String) -> Result<Password, CommandError> {
    note_change();
    let typed = tokio::task::spawn_blocking(move || rpassword::prompt_password(prompt)).await;
    let typed = typed.unwrap_or_else(|panic| Err(io::Error::other(panic)));
    let typed = typed.map_err(|error| match error.kind() {
        io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => {
            CommandError::refused("cancelled", "no password was given; nothing was done")
        }
        _ => CommandError::refused("usage", format!("the password cannot be asked for: {error}")),
    })?;
    Password::try_from(typed).map_err(|wrong| CommandError::refused("usage", wrong.to_string()))
}

/// The first line of a password file, without its line ending.
///
/// # Errors
/// Where the file cannot be read, others can read it, too, or its first line is no password.
pub(crate) fn first_line(path: &Path) -> anyhow::Result<Password> {
    let name = || format!("the password file {}", path.display());
    let file = File::open(path).with_context(name)?;
    private_file::check_secret(&file, path).with_context(name)?;
    let mut line = Zeroizing::new(Vec::new());
    // One more than the longest password with its line ending: what is longer is seen to be.
    let limit = u64::try_from(PASSWORD_BYTES_MAX).unwrap_or(u64::MAX).saturating_add(3);
    BufReader::new(file).take(limit).read_until(b'\n', &mut line).with_context(name)?;
    let text = std::str::from_utf8(&line).with_context(name)?;
    let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
    Password::try_from(text.to_owned()).with_context(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(content: &[u8], expected: Option<&str>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        private_file::replace(&path, "").unwrap();
        std::fs::write(&path, content).unwrap();
        let password = first_line(&path);
        assert_eq!(password.as_ref().ok().map(Password::expose), expected, "{content:?}");
    }

    #[test]
    fn a_password_file_holds_the_password_in_its_first_line() {
        check(b"secret", Some("secret"));
        check(b" se cret \r\nmore", Some(" se cret "));
        check(b"", None);
        check(b"\nsecret", None);
        check(b"\xff\n", None);
        check(&[b'x'; 1024], Some(&"x".repeat(1024)));
        check(&[b'x'; 1025], None);
    }

    #[cfg(unix)]
    #[test]
    fn a_password_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        std::fs::write(&path, "secret").unwrap();
        for mode in [0o640, 0o604] {
            let permissions = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, permissions).unwrap();
            let error = format!("{:#}", first_line(&path).unwrap_err());
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
        }
    }

    #[test]
    fn a_missing_password_file_is_named() {
        let missing = first_line(Path::new("/no/such/file")).unwrap_err();
        assert!(format!("{missing:#}").contains("/no/such/file"));
    }
}
