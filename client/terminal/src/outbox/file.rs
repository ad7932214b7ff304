//! The lines that wait for the link, kept on the disk.
//!
//! A user has a few such files for each server. Each client at work has one to itself, so that no two
//! write to the same; what a client has left behind that has ended is taken over by the next.
//!
//! A text file, one line of it for a line that waits: its id in hexadecimal, a space, and the line as a
//! JSON string, since a pasted line can hold line breaks.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use qchat_client::private_file;
use qchat_client::proto::ClientId;

use crate::command::{Command, Input, parse};

/// A line that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// Under which it is sent, however often.
    pub(crate) id: ClientId,
    /// As it was typed.
    pub(crate) text: String,
    /// What it asks for.
    pub(crate) line: Command,
}

/// The file of this client, which no other has until this is dropped.
#[derive(Debug)]
pub(crate) struct OutboxFile {
    path: PathBuf,
    _turn: File,
}

/// What was left behind.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// What waits, in order.
    pub(crate) waiting: Vec<Waiting>,
    /// What is to be said of files that make no sense.
    pub(crate) remarks: Vec<String>,
}

/// Why there is no file for this client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboxError {
    #[error("{FILES_MAX} other clients of the same user have their lines in {}", .0.display())]
    AllInUse(PathBuf),
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: io::Error },
}

/// How many clients of a user on this machine have lines of their own.
const FILES_MAX: usize = 16;

/// A longer file is none of ours: all lines of all clients take less.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;

impl OutboxFile {
    /// Takes a file in `folder`, and over into it what clients have left there that have ended.
    ///
    /// # Errors
    /// [`OutboxError`]; nothing is lost then.
    pub(crate) fn open(folder: &Path) -> Result<(Self, LeftBehind), OutboxError> {
        let mut left = LeftBehind::default();
        let mut taken: Vec<Self> = Vec::new();
        for path in (1..=FILES_MAX).map(|number| folder.join(number.to_string())) {
            if taken.is_empty() || path.exists() {
                taken.extend(Self::take(path, &mut left)?);
            }
        }
        let mut taken = taken.into_iter();
        let mine = taken.next().ok_or_else(|| OutboxError::AllInUse(folder.to_owned()))?;
        let others: Vec<_> = taken.collect();
        if !others.is_empty() {
            // In two files for a moment, under the same ids: better than in none.
            mine.save(&left.waiting).map_err(|reason| mine.unusable(reason))?;
            for other in others {
                other.save(&[]).map_err(|reason| other.unusable(reason))?;
            }
        }
        Ok((mine, left))
    }

    /// Takes the file if nobody has it, and reads it.
    fn take(path: PathBuf, left: &mut LeftBehind) -> Result<Option<Self>, OutboxError> {
        let turn = match private_file::try_lock(&path) {
            Ok(Some(turn)) => turn,
            Ok(None) => return Ok(None),
            Err(reason) => return Err(OutboxError::Unusable { path, reason }),
        };
        let file = Self { path, _turn: turn };
        let bytes = file.read().map_err(|reason| file.unusable(reason))?;
        match understand(&bytes) {
            Ok(waiting) => {
                // A takeover that was cut short has left some in both.
                let known = |one: &Waiting| left.waiting.iter().any(|other| other.id == one.id);
                let new: Vec<_> = waiting.into_iter().filter(|one| !known(one)).collect();
                left.waiting.extend(new);
            }
            Err(number) => {
                let aside = file.put_aside().map_err(|reason| file.unusable(reason))?;
                left.remarks.push(format!(
                    "line {number} of {} is damaged, so the lines that waited there are not sent; they \
                     are in {} now",
                    file.path.display(),
                    aside.display()
                ));
            }
        }
        Ok(Some(file))
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        Ok(private_file::read_secret(&self.path, FILE_BYTES_MAX)?.unwrap_or_default())
    }

    /// Renames a file that makes no sense, over no other.
    fn put_aside(&self) -> io::Result<PathBuf> {
        let mut aside = self.path.with_extension("damaged");
        let mut number = 1;
        while aside.exists() {
            number += 1;
            aside = self.path.with_extension(format!("damaged-{number}"));
        }
        fs::rename(&self.path, &aside)?;
        Ok(aside)
    }

    /// Replaces what is kept. It is on the disk when this returns.
    ///
    /// # Errors
    /// The operating system's; what was kept before still is.
    pub(crate) fn save<'a>(
        &self,
        waiting: impl IntoIterator<Item = &'a Waiting>,
    ) -> io::Result<()> {
        let text: String = waiting.into_iter().map(Waiting::kept).collect();
        if !text.is_empty() {
            return private_file::replace(&self.path, &text);
        }
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn unusable(&self, reason: io::Error) -> OutboxError {
        OutboxError::Unusable { path: self.path.clone(), reason }
    }
}

impl Waiting {
    /// The line as it is kept.
    pub(crate) fn kept(&self) -> String {
        let id = u128::from_be_bytes(self.id.0);
        // A string as JSON needs no more than a string.
        let text = serde_json::Value::from(self.text.as_str());
        format!("{id:032x} {text}\n")
    }

    fn from_kept(kept: &str) -> Option<Self> {
        let (id, text) = kept.split_once(' ')?;
        let id = ClientId(u128::from_str_radix(id, 16).ok()?.to_be_bytes());
        let text: String = serde_json::from_str(text).ok()?;
        let line = parse(Input::Line(&text)).ok().filter(Command::can_wait)?;
        Some(Self { id, text, line })
    }
}

/// What waits, or the number of the line that makes no sense.
pub(crate) fn understand(bytes: &[u8]) -> Result<Vec<Waiting>, usize> {
    let text = std::str::from_utf8(bytes).map_err(|_| 1_usize)?;
    let whole = text.is_empty() || text.ends_with('\n');
    let lines = text.split_terminator('\n').enumerate();
    let waiting: Result<Vec<_>, _> =
        lines.map(|(number, line)| Waiting::from_kept(line).ok_or(number + 1)).collect();
    waiting.and_then(|waiting| if whole { Ok(waiting) } else { Err(waiting.len()) })
}

#[cfg(test)]
mod tests;
