//! The results of commands that move several files.

use std::path::PathBuf;

use qchat_proto::{Code, File, Message};

use crate::error::CommandError;

/// The result of sending several files. Each is a message of its own.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SentFiles {
    /// The sent files, in their order.
    pub(crate) messages: Vec<Message>,
    /// The files that were not sent, with the reason.
    pub(crate) failed: Vec<(PathBuf, CommandError)>,
    /// Entries of the folders that are no files.
    pub(crate) left_out: Vec<SkippedEntry>,
    /// Files and folders that got another name on the way. They were announced before sending.
    pub(crate) renamed: Vec<RenamedFile>,
}

impl SentFiles {
    /// The error of the whole command if some files were not sent.
    pub(crate) fn error(&self) -> Option<CommandError> {
        let exit = self.failed.iter().map(|(_, error)| error.exit).max()?;
        let (failed, all) = (self.failed.len(), self.failed.len() + self.messages.len());
        let text = format!("{failed} of {all} files were not sent");
        Some(CommandError { exit, ..CommandError::refused(Code::NotAllSent, text) })
    }
}

/// The result of fetching the files of a folder.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SavedFiles {
    /// The files that are here now, with their paths, in their order.
    pub(crate) files: Vec<(File, String)>,
    /// How many of them were here before.
    pub(crate) were_here: usize,
    /// The files that were not fetched, with the reason.
    pub(crate) failed: Vec<(File, CommandError)>,
}

impl SavedFiles {
    /// The error of the whole command if some files were not fetched.
    pub(crate) fn error(&self) -> Option<CommandError> {
        let exit = self.failed.iter().map(|(_, error)| error.exit).max()?;
        let (failed, all) = (self.failed.len(), self.failed.len() + self.files.len());
        let text = format!("{failed} of {all} files were not fetched");
        Some(CommandError { exit, ..CommandError::refused(Code::NotAllFetched, text) })
    }
}

/// A file or a folder that gets another name on the way, because its own could do harm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenamedFile {
    pub(crate) path: PathBuf,
    /// The new name, with the folders above it.
    pub(crate) sent_as: String,
}

/// An entry of a folder that is not sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SkippedEntry {
    pub(crate) path: PathBuf,
    /// The kind of the entry, in words for the sender.
    pub(crate) kind: &'static str,
}
