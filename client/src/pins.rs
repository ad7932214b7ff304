//! The keys of the servers seen before: trust on first use.
//!
//! A text file, one server a line: `chat.example.org:4433 SHA256:…`. Empty lines and lines that begin
//! with `#` are kept. Writers take turns by a lock file beside it and replace the file in one step:
//! two processes that pin at once lose neither pin, and a reader needs no lock. (Appending in single
//! writes would do for pinning, but not for forgetting, and a crash could leave half a line.)

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use qchat_proto::Fingerprint;

use crate::address::ServerAddress;
use crate::private_file;

/// The file that remembers the servers' keys. It is made when the first key is pinned, readable by
/// its owner alone; its folder too.
///
/// All methods read or write the disk and may wait for another process that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinFile {
    path: PathBuf,
}

/// Why the pin file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A line is no server with its key. Nothing is guessed and nothing is changed.
    #[error(
        "line {line} of the pin file {} is damaged; a line is 'host:port SHA256:…': correct it or remove it",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
    },
    /// The file cannot be read.
    #[error("the pin file {} cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
    /// The file cannot be written.
    #[error("the pin file {} cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        reason: io::Error,
    },
}

/// The file's longest length in bytes: some ten thousand servers.
const PIN_FILE_BYTES_MAX: u64 = 1024 * 1024;

impl PinFile {
    /// The pin file of this name, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The pinned key of `server`.
    ///
    /// # Errors
    /// [`PinError`], where the file exists and cannot be read whole.
    pub fn lookup(&self, server: &ServerAddress) -> Result<Option<Fingerprint>, PinError> {
        self.find(&self.read()?, server)
    }

    /// Pins a server's key, unless one is pinned already. Returns the key that is pinned now; the
    /// pin is on the disk then.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub fn pin(
        &self,
        server: &ServerAddress,
        presented: Fingerprint,
    ) -> Result<Fingerprint, PinError> {
        let _turn = self.lock()?;
        let mut text = self.read()?;
        if let Some(pinned) = self.find(&text, server)? {
            return Ok(pinned);
        }
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&format!("{server} {presented}\n"));
        self.replace(&text)?;
        Ok(presented)
    }

    /// Forgets a server's key, and says whether there was one.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub fn forget(&self, server: &ServerAddress) -> Result<bool, PinError> {
        if self.lookup(server)?.is_none() {
            return Ok(false);
        }
        let _turn = self.lock()?;
        let text = self.read()?;
        let known = self.find(&text, server)?.is_some();
        if known {
            let other = |line: &&str| parse(line).is_none_or(|(pinned, _)| pinned != *server);
            let kept: String = text.split_inclusive('\n').filter(other).collect();
            self.replace(&kept)?;
        }
        Ok(known)
    }

    /// The first line of the server counts; every line must make sense.
    fn find(&self, text: &str, server: &ServerAddress) -> Result<Option<Fingerprint>, PinError> {
        let mut found = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !is_remark(line)) {
            let damaged = || PinError::Damaged { path: self.path.clone(), line: index + 1 };
            let (pinned, fingerprint) = parse(line).ok_or_else(damaged)?;
            if pinned == *server && found.is_none() {
                found = Some(fingerprint);
            }
        }
        Ok(found)
    }

    /// The whole file; an empty text where there is none.
    fn read(&self) -> Result<String, PinError> {
        let read = || {
            let length = fs::metadata(&self.path)?.len();
            if length > PIN_FILE_BYTES_MAX {
                return Err(io::Error::other("it is too long for a pin file"));
            }
            fs::read_to_string(&self.path)
        };
        match read() {
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read.map_err(|reason| PinError::Read { path: self.path.clone(), reason }),
        }
    }

    fn lock(&self) -> Result<File, PinError> {
        private_file::lock(&self.path).map_err(|reason| self.write_error(reason))
    }

    fn replace(&self, text: &str) -> Result<(), PinError> {
        private_file::replace(&self.path, text).map_err(|reason| self.write_error(reason))
    }

    fn write_error(&self, reason: io::Error) -> PinError {
        PinError::Write { path: self.path.clone(), reason }
    }
}

/// `host:port SHA256:…`, whatever white space is around and between.
fn parse(line: &str) -> Option<(ServerAddress, Fingerprint)> {
    let mut words = line.split_whitespace();
    let pin = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    words.next().is_none().then_some(pin)
}

fn is_remark(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(text: &str) -> ServerAddress {
        text.parse().unwrap()
    }

    fn key(text: &str) -> Fingerprint {
        Fingerprint::of_public_key(text.as_bytes())
    }

    #[test]
    fn a_pinned_key_stays_until_it_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("new/known_servers"));
        assert_eq!(pins.lookup(&server("a")).unwrap(), None);
        assert!(!pins.forget(&server("a")).unwrap() && !pins.path().exists());

        assert_eq!(pins.pin(&server("a"), key("1")).unwrap(), key("1"));
        assert_eq!(pins.pin(&server("a"), key("2")).unwrap(), key("1"));
        assert_eq!(pins.pin(&server("[::1]:1"), key("3")).unwrap(), key("3"));
        assert_eq!(pins.lookup(&server("[::1]:1")).unwrap(), Some(key("3")));

        assert!(pins.forget(&server("a")).unwrap());
        assert_eq!(pins.lookup(&server("a")).unwrap(), None);
        assert_eq!(pins.lookup(&server("[::1]:1")).unwrap(), Some(key("3")));
    }

    #[test]
    fn processes_that_pin_at_once_lose_no_pin() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("known_servers"));
        std::thread::scope(|scope| {
            for port in 1..=32 {
                let pins = &pins;
                scope.spawn(move || pins.pin(&server(&format!("a:{port}")), key("1")).unwrap());
            }
        });
        for port in 1..=32 {
            assert!(pins.lookup(&server(&format!("a:{port}"))).unwrap().is_some(), "{port}");
        }
    }

    #[test]
    fn a_damaged_line_is_named_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("known_servers"));
        let good = format!("a:1 {}", key("1"));
        for damaged in ["b:1", "b:1 SHA256:short", &format!("{good} more"), "b:x SHA256:"] {
            let text = format!("# mine\n\n{good}\n{damaged}");
            fs::write(pins.path(), &text).unwrap();
            for error in [
                pins.lookup(&server("a:1")).unwrap_err(),
                pins.pin(&server("c"), key("1")).unwrap_err(),
                pins.forget(&server("a:1")).unwrap_err(),
            ] {
                assert!(matches!(error, PinError::Damaged { line: 4, .. }), "{damaged}");
                assert!(error.to_string().contains("known_servers"), "{error}");
            }
            assert_eq!(fs::read_to_string(pins.path()).unwrap(), text);
        }
    }

    #[test]
    fn remarks_and_a_missing_last_newline_are_kept_apart_from_new_pins() {
        let folder = tempfile::tempdir().unwrap();
        let pins = PinFile::at(folder.path().join("known_servers"));
        fs::write(pins.path(), format!("# mine\na:1 {}", key("1"))).unwrap();
        pins.pin(&server("b:1"), key("2")).unwrap();
        pins.forget(&server("a:1")).unwrap();
        let text = fs::read_to_string(pins.path()).unwrap();
        assert_eq!(text, format!("# mine\nb:1 {}\n", key("2")));
    }
}
