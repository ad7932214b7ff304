//! Saved sessions: for each server and user the token that resumes one, in a file of its own that
//! only its owner can read.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use qchat_client::{ServerAddress, SessionToken, UserName, private_file};
use zeroize::Zeroizing;

/// The file of one user's session on one server. It need not exist.
#[derive(Debug, Clone)]
pub(crate) struct SessionFile {
    path: PathBuf,
}

/// A token's text with its line ending; a longer file is none of ours.
const SESSION_BYTES_MAX: u64 = 256;

impl SessionFile {
    /// Below `sessions`, by the names of server and user.
    pub(crate) fn new(sessions: &Path, server: &ServerAddress, user: &UserName) -> Self {
        Self { path: path_of(sessions, server, user) }
    }

    /// The token; `None` where no session is saved, or none that makes sense.
    ///
    /// # Errors
    /// The operating system's, where the file exists and cannot be read; a word about that where others
    /// can read it, too.
    pub(crate) fn load(&self) -> io::Result<Option<SessionToken>> {
        let text = match private_file::read_secret(&self.path, SESSION_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => None,
            read => read?.map(Zeroizing::new),
        };
        let text = text.as_ref().and_then(|text| std::str::from_utf8(text).ok());
        Ok(text.and_then(|text| SessionToken::from_hex(text.trim_end())))
    }

    /// Saves the token in one step. Nobody else could read it at any time.
    ///
    /// # Errors
    /// The operating system's; an older session is still saved then.
    pub(crate) fn save(&self, token: &SessionToken) -> io::Result<()> {
        private_file::make_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        private_file::replace(&self.path, &format!("{}\n", token.to_hex()))
    }

    /// Forgets the session, if one is saved.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn delete(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// The file of a server and a user below `folder`.
pub(crate) fn path_of(folder: &Path, server: &ServerAddress, user: &UserName) -> PathBuf {
    folder.join(component(&server.to_string())).join(component(user.as_str()))
}

/// The name as one component of a path, different for different names.
fn component(name: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let encode = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, server: &str) -> SessionFile {
        SessionFile::new(folder, &server.parse().unwrap(), &"alice".parse().unwrap())
    }

    #[test]
    fn a_saved_session_is_private_and_stays_until_it_is_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(&folder.path().join("sessions"), "localhost");
        assert_eq!(file.load().unwrap(), None);
        let token = SessionToken::random();
        file.save(&token).unwrap();
        assert_eq!(file.load().unwrap(), Some(token));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&file.path), 0o600);
            assert_eq!(mode(&folder.path().join("sessions")), 0o700);
        }
        file.delete().unwrap();
        file.delete().unwrap();
        assert_eq!(file.load().unwrap(), None);
    }

    #[test]
    fn servers_do_not_share_a_file_and_stay_in_the_folder() {
        let folder = Path::new("/s");
        assert_eq!(file(folder, "localhost").path, Path::new("/s/localhost%3A4433/alice"));
        assert_eq!(file(folder, "[::1]:1").path, Path::new("/s/%5B%3A%3A1%5D%3A1/alice"));
        assert_eq!(component("../x"), "..%2Fx");
    }

    #[test]
    fn what_makes_no_sense_counts_as_no_session() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), "localhost");
        file.save(&SessionToken::random()).unwrap();
        for content in ["", "abc", &"x".repeat(1000)] {
            fs::write(&file.path, content).unwrap();
            assert_eq!(file.load().unwrap(), None);
        }
    }
}
