//! Saved sessions: for each server and user a token, in a file that only its owner can read.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use qchat_client::{SessionToken, UserName, private_file};
use zeroize::Zeroizing;

use crate::config::{ServerNames, component, existing};

/// The saved sessions of one server.
#[derive(Debug, Clone)]
pub(crate) struct SavedSessions {
    /// Below each name of the server. New sessions are kept in the first.
    folders: Vec<PathBuf>,
}

/// The file of one user's session on one server. It need not exist.
#[derive(Debug, Clone)]
pub(crate) struct SessionFile {
    path: PathBuf,
}

/// The content of a session file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SavedToken {
    Token(SessionToken),
    /// There is no file.
    Nothing,
    /// The file is empty.
    Empty(PathBuf),
    /// The file holds no token.
    Damaged(PathBuf),
}

/// The reason why a user has no saved session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MissingSession {
    /// No session was saved.
    Missing,
    /// The file is empty or damaged.
    Unusable(String),
    /// The server no longer knows the session.
    Ended,
}

/// Longer than a token with its line ending. A longer file was not written by this program.
const SESSION_BYTES_MAX: u64 = 256;

/// Longer than a user's name with its line ending.
const NAME_BYTES_MAX: u64 = 64;

/// The file with the name of the user who signed in last at the prompt. No user name begins with a dot.
const LAST_FILE: &str = ".last";

impl SavedSessions {
    /// The sessions on `server`, below `sessions`.
    pub(crate) fn new(sessions: &Path, server: &ServerNames) -> Self {
        Self { folders: server.folders(sessions) }
    }

    /// The file of a user's session.
    pub(crate) fn of(&self, user: &UserName) -> SessionFile {
        SessionFile { path: self.place_of(&component(user.as_str())) }
    }

    /// The path of this name: the one that exists, or else one for a new file.
    fn place_of(&self, name: &str) -> PathBuf {
        existing(self.folders.iter().map(|folder| folder.join(name)).collect())
    }

    /// Waits for the lock of the sign-in of this user. The lock ends when the returned file is closed.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn lock_sign_in(&self, user: &UserName) -> io::Result<File> {
        // With a dot, because a user's name may end as the name of a lock does.
        let folder = self.folders.first().map(PathBuf::as_path).unwrap_or(Path::new("."));
        private_file::lock(&folder.join(format!(".{}", component(user.as_str()))))
    }

    /// The user who signed in last at the prompt and has not signed out.
    pub(crate) fn last(&self) -> Option<UserName> {
        let text = private_file::read_secret(&self.place_of(LAST_FILE), NAME_BYTES_MAX).ok()??;
        std::str::from_utf8(&text).ok()?.trim_end().parse().ok()
    }

    /// Notes the user who has signed in at the prompt.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn note_last(&self, user: &UserName) -> io::Result<()> {
        let path = self.place_of(LAST_FILE);
        private_file::make_folder(path.parent().unwrap_or(Path::new(".")))?;
        private_file::replace(&path, &format!("{user}\n"))
    }

    /// Forgets the user who signed in last, if it was this one.
    pub(crate) fn forget_last(&self, user: &UserName) {
        if self.last().is_some_and(|last| last == *user) {
            // If that fails, the next prompt finds a session that has ended.
            let _ = fs::remove_file(self.place_of(LAST_FILE));
        }
    }
}

impl SessionFile {
    /// Reads the file.
    ///
    /// # Errors
    /// The operating system's, if the file exists and cannot be read, or if others can read it too.
    pub(crate) fn load(&self) -> io::Result<SavedToken> {
        let damaged = || SavedToken::Damaged(self.path.clone());
        let text = match private_file::read_secret(&self.path, SESSION_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(damaged()),
            read => read?.map(Zeroizing::new),
        };
        let Some(text) = text else { return Ok(SavedToken::Nothing) };
        if text.trim_ascii().is_empty() {
            return Ok(SavedToken::Empty(self.path.clone()));
        }
        let text = std::str::from_utf8(&text).ok();
        let token = text.and_then(|text| SessionToken::from_hex(text.trim_end()));
        Ok(token.map_or_else(damaged, SavedToken::Token))
    }

    /// Replaces the file in one step. Nobody else can read it at any time.
    ///
    /// # Errors
    /// The operating system's; an older session then stays saved.
    pub(crate) fn save(&self, token: &SessionToken) -> io::Result<()> {
        private_file::make_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        private_file::replace(&self.path, &format!("{}\n", token.to_hex()))
    }

    /// Deletes the file if it holds this token. Another run may have saved a newer one.
    pub(crate) fn delete(&self, token: &SessionToken) {
        if matches!(self.load(), Ok(SavedToken::Token(saved)) if saved == *token) {
            // A token of a session that has ended may stay.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl MissingSession {
    /// The reason as a sentence without its end; `None` if no session was ever saved.
    pub(crate) fn reason(&self, user: &UserName) -> Option<String> {
        match self {
            Self::Missing => None,
            Self::Unusable(text) => Some(text.clone()),
            Self::Ended => Some(format!(
                "the saved session of {user} has ended on the server: it was signed out or its password \
                 changed elsewhere, nobody used it for long, or newer ones took its place"
            )),
        }
    }
}

#[cfg(test)]
mod tests;
