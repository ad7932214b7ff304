//! The lines that wait for a connection, kept on the disk.
//!
//! A user has a few such files for each server. Each running client has one of its own, so that no two
//! write to the same file. The next client takes over the file of a client that has ended.
//!
//! A text file with one line for each waiting line: its id in hexadecimal, a space, and the waiting line as
//! a JSON string, since a pasted line can hold line breaks.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use qchat_client::private_file;
use qchat_client::proto::ClientId;

use crate::command::{Command, Input, parse};

/// A line that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The id of all attempts to send it.
    pub(crate) id: ClientId,
    /// The line as it was typed.
    pub(crate) text: String,
    /// The parsed line.
    pub(crate) line: Command,
}

/// The file of this client, locked until this is dropped.
#[derive(Debug)]
pub(crate) struct OutboxFile {
    path: PathBuf,
    _lock: File,
}

/// The lines of clients that have ended.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// The waiting lines, in order.
    pub(crate) waiting: Vec<Waiting>,
    /// Notices about damaged files.
    pub(crate) remarks: Vec<String>,
}

/// The reason why there is no file for this client.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OutboxError {
    #[error("{FILES_MAX} other clients of the same user have their lines in {}", .0.display())]
    AllInUse(PathBuf),
    #[error("{} cannot be used: {reason}", path.display())]
    Unusable { path: PathBuf, reason: io::Error },
}

/// The most clients of a user on this machine that have a file.
const FILES_MAX: usize = 16;

/// The longest file that is read: all lines of all clients take less.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;

impl OutboxFile {
    /// Locks a file in the first of the folders, and moves the lines of ended clients in all folders into it.
    ///
    /// # Errors
    /// [`OutboxError`]; nothing is lost then.
    pub(crate) fn open(folders: &[impl AsRef<Path>]) -> Result<(Self, LeftBehind), OutboxError> {
        let mut left = LeftBehind::default();
        let mut taken: Vec<Self> = Vec::new();
        for folder in folders {
            for path in (1..=FILES_MAX).map(|number| folder.as_ref().join(number.to_string())) {
                if taken.is_empty() || path.exists() {
                    taken.extend(Self::take(path, &mut left)?);
                }
            }
        }
        let mut taken = taken.into_iter();
        let first = folders.first().map(|folder| folder.as_ref().to_owned());
        let all_in_use = || OutboxError::AllInUse(first.unwrap_or_default());
        let mine = taken.next().ok_or_else(all_in_use)?;
        let others: Vec<_> = taken.collect();
        if !others.is_empty() {
            // The lines are in two files for a moment, under the same ids, so that none is lost.
            mine.save(&left.waiting).map_err(|reason| mine.unusable(reason))?;
            for other in others {
                other.save(&[]).map_err(|reason| other.unusable(reason))?;
            }
        }
        Ok((mine, left))
    }

    /// Locks the file if no other client has it, and reads it.
    fn take(path: PathBuf, left: &mut LeftBehind) -> Result<Option<Self>, OutboxError> {
        let lock = match private_file::try_lock(&path) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Ok(None),
            Err(reason) => return Err(OutboxError::Unusable { path, reason }),
        };
        let file = Self { path, _lock: lock };
        let bytes = file.read().map_err(|reason| file.unusable(reason))?;
        match understand(&bytes) {
            Ok(waiting) => {
                // After an interrupted move, some lines are in both files.
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

    /// Renames a damaged file, without replacing another.
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

    /// Replaces the lines in the file. They are on the disk when this returns.
    ///
    /// # Errors
    /// The operating system's; the old lines are still in the file.
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
    /// The line as the file holds it.
    pub(crate) fn kept(&self) -> String {
        let id = u128::from_be_bytes(self.id.0);
        // A JSON string has no line break.
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

/// The waiting lines, or the number of the damaged line.
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
