//! The cursors of the followed logs, kept on the disk.
//!
//! A text file, one log a line: `inbox 17`, `+lab 3`. It is replaced in one step.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use qchat_proto::Sequence;
use qchat_proto::command::{Cursor, Log};

use crate::private_file;

/// A file of cursors, which belongs to this process until it is dropped. Readable by its owner alone;
/// its folder too, which is made if it is missing.
///
/// All methods read or write the disk.
#[derive(Debug)]
pub struct CursorFile {
    path: PathBuf,
    /// The lock of this process.
    _lock: File,
    cursors: Vec<Cursor>,
}

/// The reason why a file of cursors cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CursorFileError {
    /// Another process uses it.
    #[error("another process follows the same user's messages ({} is in use)", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// A line is not a log with its cursor. Nothing is guessed and nothing is changed.
    #[error(
        "line {line} of {} is damaged; a line is 'inbox 17' or '+lab 3': correct it, or remove the \
         file to begin with what is unread",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line's number, from 1.
        line: usize,
    },
    /// The file cannot be read, or its folder cannot be made.
    #[error("{} cannot be read: {reason}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        reason: io::Error,
    },
    /// The file cannot be written.
    #[error("{} cannot be written: {reason}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        reason: io::Error,
    },
}

/// The longest file that is read: 1,024 logs take less.
const CURSOR_FILE_BYTES_MAX: u64 = 1024 * 1024;

impl CursorFile {
    /// Takes the file of this name, which need not exist.
    ///
    /// # Errors
    /// [`CursorFileError`].
    pub fn open(path: PathBuf) -> Result<Self, CursorFileError> {
        let lock = match private_file::try_lock(&path) {
            Ok(Some(lock)) => lock,
            Ok(None) => return Err(CursorFileError::InUse { path }),
            Err(reason) => return Err(CursorFileError::Read { path, reason }),
        };
        let text = match private_file::read_text(&path, CURSOR_FILE_BYTES_MAX) {
            Ok(text) => text.unwrap_or_default(),
            Err(reason) => return Err(CursorFileError::Read { path, reason }),
        };
        match parse(&text) {
            Ok(cursors) => Ok(Self { path, _lock: lock, cursors }),
            Err(line) => Err(CursorFileError::Damaged { path, line }),
        }
    }

    /// The cursor of each log.
    pub fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    /// Replaces the cursors. They are on the disk when this returns.
    ///
    /// # Errors
    /// [`CursorFileError::Write`]; the file is as it was then.
    pub fn save(&mut self, mut cursors: Vec<Cursor>) -> Result<(), CursorFileError> {
        cursors.sort_by_cached_key(|cursor| name(&cursor.log));
        if cursors == self.cursors {
            return Ok(());
        }
        let text: String = cursors.iter().map(line).collect();
        let failed = |reason| CursorFileError::Write { path: self.path.clone(), reason };
        private_file::replace(&self.path, &text).map_err(failed)?;
        self.cursors = cursors;
        Ok(())
    }
}

/// The cursors, or the number of the first damaged line.
fn parse(text: &str) -> Result<Vec<Cursor>, usize> {
    let lines = text.lines().enumerate();
    lines.map(|(number, line)| cursor(line).ok_or(number + 1)).collect()
}

fn cursor(line: &str) -> Option<Cursor> {
    let (log, after) = line.split_once(' ')?;
    let log = match log.strip_prefix('+') {
        Some(group) => Log::Group(group.parse().ok()?),
        None if log == "inbox" => Log::Inbox,
        None => return None,
    };
    Some(Cursor { log, after: Sequence(after.parse().ok()?) })
}

/// Reads any text as a file of cursors.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_text(text: &str) {
    if let Ok(cursors) = parse(text) {
        let again: String = cursors.iter().map(line).collect();
        assert_eq!(parse(&again), Ok(cursors));
    }
}

fn line(cursor: &Cursor) -> String {
    format!("{} {}\n", name(&cursor.log), cursor.after)
}

fn name(log: &Log) -> String {
    match log {
        Log::Inbox => "inbox".to_owned(),
        Log::Group(group) => format!("+{group}"),
    }
}

#[cfg(test)]
mod tests;
