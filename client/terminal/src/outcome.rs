//! The result of a command, and everything else that can be shown: as text for people, as JSON for scripts.

mod files;
mod notice;
mod progress_meter;
mod transfer;

use std::fmt::Debug;

use jiff::Zoned;
use qchat_proto::command::Log;
use qchat_proto::{File, GroupName, Message, Receipt, SessionId, UserName};
use serde_json::Value;

use crate::command::Verb;
use crate::error::CommandError;
pub(crate) use files::{RenamedFile, SavedFiles, SentFiles, SkippedEntry};
pub(crate) use notice::{LateResult, Notice, NoticeBatch, ReceivedMessage};
pub(crate) use progress_meter::{ProgressMeter, Reading};
pub(crate) use transfer::{TransferDirection, TransferRow, TransferState};

/// The result of a command that was done.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    /// The account exists now.
    Registered(UserName),
    /// The connection is signed in.
    SignedIn(UserName),
    /// The session has ended.
    SignedOut,
    /// All sessions of the user have ended.
    SignedOutEverywhere,
    /// The password has changed, and the user's other sessions have ended.
    PasswordChanged,
    /// The session with this id has ended.
    Revoked(SessionId),
    /// The message as the server stores it.
    Sent(Message),
    /// The result of sending several files.
    SentFiles(SentFiles),
    /// The message has reached the stage for which the line waited.
    Reached { message: Message, receipt: Receipt },
    /// Messages of a log, oldest first.
    History(Page),
    /// A file that lies under `path` now. `damaged` are the blocks of the partial file that were damaged and
    /// fetched again. A file that `was_here` was not fetched.
    Saved { file: File, path: String, damaged: Vec<u64>, was_here: bool },
    /// The group exists now.
    MadeGroup(GroupName),
    /// The result of fetching a folder.
    SavedFiles(SavedFiles),
    /// The user is a member.
    Joined(GroupName),
    /// The user is no longer a member.
    Left(GroupName),
    /// A result that is only shown.
    Shown(Box<dyn Show>),
    /// The help of one command, or of all.
    Help(Option<Verb>),
    /// The program ends.
    Quit,
}

/// A result that is only shown. Its type has both of its forms, so a new command adds one file here.
pub(crate) trait Show: Debug + Send + Sync {
    /// Whole lines for people. No text of a peer is in them, except names that are safe by their type.
    fn text(&self, now: &Zoned) -> String;

    /// The fields of the JSON object.
    fn json(&self) -> Value;

    /// A sentence about the result, for standard error. Empty if there is none.
    fn remark(&self) -> &'static str {
        ""
    }
}

/// Results are the same if scripts see the same.
impl PartialEq for dyn Show {
    fn eq(&self, other: &Self) -> bool {
        self.json() == other.json()
    }
}

/// A part of a log.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    pub(crate) log: Log,
    /// Oldest first.
    pub(crate) messages: Vec<Message>,
    /// How many of the last messages have no gap between them. Before those, read messages may be missing
    /// between the unread ones.
    pub(crate) unbroken: usize,
    /// Whether older messages exist that were not asked for.
    pub(crate) more: bool,
    /// The line that asks for the same messages, without its `--before`.
    pub(crate) again: String,
}

impl Outcome {
    pub(crate) fn shown(result: impl Show + 'static) -> Self {
        Self::Shown(Box::new(result))
    }

    /// The error of a command that was done only in part.
    pub(crate) fn error(&self) -> Option<CommandError> {
        match self {
            Self::SentFiles(sent) => sent.error(),
            Self::SavedFiles(saved) => saved.error(),
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
