//! What came of a line: rendered as text for people, as JSON for scripts.

use std::path::PathBuf;

use qchat_proto::command::{Group, Log, Member, Session, User};
use qchat_proto::{File, GroupName, Message, Receipt, SessionId, UserName};

use crate::command::Verb;
use crate::error::CommandError;
use crate::execute::{RenamedFile, SkippedEntry};

/// The result of a line that was done.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The account exists now.
    Registered(UserName),
    /// The connection is signed in.
    SignedIn(UserName),
    /// The session has ended.
    SignedOut,
    /// So have all others of the user.
    SignedOutEverywhere,
    /// The password is another one, and the user's other sessions have ended.
    PasswordChanged,
    /// The user's sessions.
    Sessions(Vec<Session>),
    /// This session has ended.
    Revoked(SessionId),
    /// The other users.
    Users(Vec<User>),
    /// The message as the server keeps it.
    Sent(Message),
    /// What came of several files.
    SentFiles(SentFiles),
    /// The message has come as far as it was waited for.
    Reached { message: Message, receipt: Receipt },
    /// Messages of a log, oldest first.
    History(Page),
    /// A file that lies under `path` now. `damaged` are the blocks that had come before, were damaged
    /// since, and came again. A file that `was_here` was not fetched.
    Saved { file: File, path: String, damaged: Vec<u64>, was_here: bool },
    /// The group exists now.
    MadeGroup(GroupName),
    /// What came of the files of a folder.
    SavedFiles(SavedFiles),
    /// The user is a member.
    Joined(GroupName),
    /// The user is no member any more.
    Left(GroupName),
    /// All groups.
    Groups(Vec<Group>),
    /// A group's members.
    Members(Vec<Member>),
    /// What is to be said of one command, or of all.
    Help(Option<Verb>),
    /// Nobody wants to go on.
    Quit,
}

/// Part of a log, as it is to be shown.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    /// Which log.
    pub(crate) log: Log,
    /// Oldest first.
    pub(crate) messages: Vec<Message>,
    /// How many of the last of them have nothing left out between them. Before those, older ones that
    /// were read may be missing among the unread.
    pub(crate) unbroken: usize,
    /// Whether older ones exist that were not asked for.
    pub(crate) more: bool,
    /// The line that asks for such messages again, without its `--before`.
    pub(crate) again: String,
}

/// What came of the files of one line. Each is a message of its own.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SentFiles {
    /// Those that were sent, in their order.
    pub(crate) messages: Vec<Message>,
    /// Those that were not, and why.
    pub(crate) failed: Vec<(PathBuf, CommandError)>,
    /// What lay in the folders and is no file of theirs.
    pub(crate) left_out: Vec<SkippedEntry>,
    /// What is called otherwise where it went. It was told before.
    pub(crate) renamed: Vec<RenamedFile>,
}

impl SentFiles {
    /// What is to be said of the whole line where some were not sent.
    pub(crate) fn failure(&self) -> Option<CommandError> {
        let exit = self.failed.iter().map(|(_, failure)| failure.exit).max()?;
        let (failed, all) = (self.failed.len(), self.failed.len() + self.messages.len());
        let text = format!("{failed} of {all} files were not sent");
        Some(CommandError { exit, ..CommandError::refused("not_all_sent", text) })
    }
}

/// What came of the files of a folder. Each lies under a path of its own.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct SavedFiles {
    /// Those that are here now, with their paths, in their order.
    pub(crate) files: Vec<(File, String)>,
    /// How many of them were here before.
    pub(crate) were_here: usize,
    /// Those that did not come, and why.
    pub(crate) failed: Vec<(File, CommandError)>,
}

impl SavedFiles {
    /// What is to be said of the whole line where some did not come.
    pub(crate) fn failure(&self) -> Option<CommandError> {
        let exit = self.failed.iter().map(|(_, failure)| failure.exit).max()?;
        let (failed, all) = (self.failed.len(), self.failed.len() + self.files.len());
        let text = format!("{failed} of {all} files were not fetched");
        Some(CommandError { exit, ..CommandError::refused("not_all_fetched", text) })
    }
}

impl Outcome {
    /// Why it is no whole success.
    pub(crate) fn failure(&self) -> Option<CommandError> {
        match self {
            Self::SentFiles(sent) => sent.failure(),
            Self::SavedFiles(saved) => saved.failure(),
            _ => None,
        }
    }

    /// The messages that were sent.
    pub(crate) fn sent(&self) -> &[Message] {
        match self {
            Self::Sent(message) => std::slice::from_ref(message),
            Self::SentFiles(sent) => &sent.messages,
            _ => &[],
        }
    }
}
