//! The keys of the servers seen before: trust on first use.
//!
//! A text file, one server a line: `chat.example.org:4433 SHA256:…`, and behind it `next SHA256:…` if
//! the server has announced its next key. Empty lines and lines that begin with `#` are kept. Writers lock a
//! file beside it and replace the file in one step: two processes that pin at once lose neither pin,
//! and a reader needs no lock. (Appending in single writes would do for pinning, but not for forgetting, and a
//! crash could leave half a line.)

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_proto::Fingerprint;

use crate::address::{ServerAddress, ServerAddresses};
use crate::error::PinError;
use crate::private_file;

/// The file with the pinned keys of servers. It is made when the first key is pinned, readable by
/// its owner alone; its folder too.
///
/// All methods read or write the disk and may wait for another process that writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinFile {
    path: PathBuf,
}

/// The known keys of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin {
    /// The key of the last connection.
    pub key: Fingerprint,
    /// The announced next key.
    pub next: Option<Fingerprint>,
}

impl Pin {
    /// Whether both lines may be of one server. While the servers of a cluster change their key one after the other,
    /// some lines have the old key with the announced one, and others the new key alone.
    pub fn shares_key(&self, other: &Self) -> bool {
        [Some(other.key), other.next].into_iter().flatten().any(|key| self.has(key))
    }

    /// Whether this is the pinned key or the announced one.
    pub(crate) fn has(&self, key: Fingerprint) -> bool {
        self.key == key || self.next == Some(key)
    }
}

/// The file's longest length in bytes: some ten thousand servers.
const PIN_FILE_BYTES_MAX: u64 = 1024 * 1024;

impl PinFile {
    /// The pin file of this name, which need not exist.
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The pinned key of `server`, and the one that it has announced.
    ///
    /// # Errors
    /// [`PinError`], if the file exists and cannot be read whole.
    pub fn lookup(&self, server: &ServerAddress) -> Result<Option<Pin>, PinError> {
        self.find(&self.read()?, server)
    }

    /// The pins of each address of a server, in their order.
    ///
    /// # Errors
    /// [`PinError`], if the file exists and cannot be read whole.
    pub(crate) fn lookup_all(
        &self,
        server: &ServerAddresses,
    ) -> Result<Vec<(ServerAddress, Option<Pin>)>, PinError> {
        let text = self.read()?;
        let pin_of = |address: &ServerAddress| Ok((address.clone(), self.find(&text, address)?));
        server.iter().map(pin_of).collect()
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
        self.pin_all(&server.clone().into(), presented)?;
        Ok(self.lookup(server)?.map_or(presented, |pinned| pinned.key))
    }

    /// Pins the key of each address of a server for which none is pinned, with the successor that the key is known
    /// to have.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub(crate) fn pin_all(
        &self,
        server: &ServerAddresses,
        presented: Fingerprint,
    ) -> Result<(), PinError> {
        let _lock = self.lock()?;
        let mut text = self.read()?;
        let known = text.lines().filter_map(parse).map(|(_, pin)| pin);
        let next = known.filter(|pin| pin.key == presented).find_map(|pin| pin.next);
        let mut is_new = false;
        for address in server.iter() {
            if self.find(&text, address)?.is_some() {
                continue;
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&line(address, &Pin { key: presented, next }));
            is_new = true;
        }
        if is_new { self.replace(&text) } else { Ok(()) }
    }

    /// Notes the announced next key of a server with the key `current`, or that it keeps its key. Does
    /// nothing if `current` is not the pinned key. Notes it for all addresses with that key: they are one server,
    /// or share its key, and a later connection may lead to another one of them.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub fn announce(
        &self,
        server: &ServerAddress,
        current: Fingerprint,
        next: Option<Fingerprint>,
    ) -> Result<(), PinError> {
        if self.announced(&self.read()?, server, (current, next))?.is_none() {
            return Ok(());
        }
        let _lock = self.lock()?;
        match self.announced(&self.read()?, server, (current, next))? {
            Some(text) => self.replace(&text),
            None => Ok(()),
        }
    }

    /// The text with the announced key; `None` if there is nothing to change.
    fn announced(
        &self,
        text: &str,
        server: &ServerAddress,
        (current, next): (Fingerprint, Option<Fingerprint>),
    ) -> Result<Option<String>, PinError> {
        if self.find(text, server)?.is_none_or(|pin| pin.key != current) {
            return Ok(None);
        }
        let with_next = |_: &ServerAddress, pin: &Pin| {
            (pin.key == current && pin.next != next).then_some(Pin { next, ..*pin })
        };
        let changed = with_changes(text, with_next);
        Ok(Some(changed).filter(|changed| changed != text))
    }

    /// Pins the announced key in place of the old one. Returns the key that is pinned now: the old one if
    /// `presented` was not announced for this address or another one with the same key.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub fn change(
        &self,
        server: &ServerAddress,
        presented: Fingerprint,
    ) -> Result<Option<Fingerprint>, PinError> {
        let _lock = self.lock()?;
        let text = self.read()?;
        let pin = self.find(&text, server)?;
        let is_announced = |pin: &Pin| {
            let mut known = text.lines().filter_map(parse).map(|(_, known)| known);
            known.any(|known| known.key == pin.key && known.next == Some(presented))
        };
        if !pin.as_ref().is_some_and(is_announced) {
            return Ok(pin.map(|pin| pin.key));
        }
        let changed = Pin { key: presented, next: None };
        self.replace(&with_pin(&text, server, &changed))?;
        Ok(Some(presented))
    }

    /// Forgets a server's key; returns whether there was one.
    ///
    /// # Errors
    /// [`PinError`]; the file is as it was then.
    pub fn forget(&self, server: &ServerAddress) -> Result<bool, PinError> {
        if self.lookup(server)?.is_none() {
            return Ok(false);
        }
        let _lock = self.lock()?;
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
    fn find(&self, text: &str, server: &ServerAddress) -> Result<Option<Pin>, PinError> {
        let mut found = None;
        for (index, line) in text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
            let damaged = || PinError::Damaged { path: self.path.clone(), line: index + 1 };
            let (pinned, pin) = parse(line).ok_or_else(damaged)?;
            if pinned == *server && found.is_none() {
                found = Some(pin);
            }
        }
        Ok(found)
    }

    /// The whole file; an empty text if there is none.
    fn read(&self) -> Result<String, PinError> {
        let read = private_file::read_text(&self.path, PIN_FILE_BYTES_MAX);
        let failed = |error| PinError::Read { path: self.path.clone(), reason: Arc::new(error) };
        Ok(read.map_err(failed)?.unwrap_or_default())
    }

    fn lock(&self) -> Result<File, PinError> {
        private_file::lock(&self.path).map_err(|reason| self.write_error(reason))
    }

    fn replace(&self, text: &str) -> Result<(), PinError> {
        private_file::replace(&self.path, text).map_err(|reason| self.write_error(reason))
    }

    fn write_error(&self, reason: io::Error) -> PinError {
        PinError::Write { path: self.path.clone(), reason: Arc::new(reason) }
    }
}

/// `host:port SHA256:…`, and `next SHA256:…` behind it, whatever white space is around and between.
fn parse(line: &str) -> Option<(ServerAddress, Pin)> {
    let mut words = line.split_whitespace();
    let (server, key) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    let next = match words.next() {
        None => None,
        Some("next") => Some(words.next()?.parse().ok()?),
        Some(_) => return None,
    };
    words.next().is_none().then_some((server, Pin { key, next }))
}

fn line(server: &ServerAddress, pin: &Pin) -> String {
    let next = pin.next.map(|next| format!(" next {next}")).unwrap_or_default();
    format!("{server} {}{next}\n", pin.key)
}

/// The text with another pin in the server's line, the first one if it has several.
fn with_pin(text: &str, server: &ServerAddress, pin: &Pin) -> String {
    let mut is_replaced = false;
    with_changes(text, |pinned, _| {
        let is_first = pinned == server && !is_replaced;
        is_replaced |= is_first;
        is_first.then_some(*pin)
    })
}

/// The text with other pins in the lines for which `change` returns one.
fn with_changes(text: &str, mut change: impl FnMut(&ServerAddress, &Pin) -> Option<Pin>) -> String {
    let lines = text.split_inclusive('\n').map(|old| {
        let changed = parse(old)
            .and_then(|(server, pin)| change(&server, &pin).map(|pin| line(&server, &pin)));
        changed.unwrap_or_else(|| old.to_owned())
    });
    lines.collect()
}

/// Reads any text as a pin file.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_text(text: &str) {
    let pins = PinFile::at("known_servers".into());
    for (server, pin) in text.lines().filter_map(parse) {
        assert_eq!(parse(&line(&server, &pin)), Some((server.clone(), pin)));
        match pins.find(text, &server) {
            Ok(found) => {
                assert!(found.is_some(), "{server}");
                let other = Pin { next: Some(pin.key), ..pin };
                let changed = pins.find(&with_pin(text, &server, &other), &server);
                assert_eq!(changed.ok().flatten(), Some(other), "{server} of {text:?}");
            }
            Err(error) => assert!(matches!(error, PinError::Damaged { .. })),
        }
    }
}

fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests;
