//! Results as JSON for scripts: one object for each line of input.
//!
//! The text of every string is exact. Characters that a terminal would act on are escaped, as the format
//! allows, so the output is also safe in a terminal.

mod error;
mod files;
mod message;

use qchat_proto::{GroupName, Message, UserName};
use serde::Serialize;
use serde_json::Value;

use crate::command::{CommandEntry, bounded, help};
use crate::error::CommandResult;
use crate::outcome::Outcome;
use crate::output::sanitize;
use error::ErrorObject;
pub(crate) use files::renamed;
use files::{SavedFilesObject, SavedObject, SentFilesObject};
use message::{MessageObject, ReceiptObject};

/// The object for the result of a line that began with the word `command`, without a line ending.
pub(crate) fn report(command: &str, result: &CommandResult<Outcome>) -> String {
    // An alias is reported as its command.
    let command = CommandEntry::named(command)
        .map_or_else(|| bounded(command), |entry| entry.name.to_owned());
    let content = match result {
        Ok(outcome) => Content::from(outcome),
        Err(error) => Content::Error { error: error.into() },
    };
    let ok = result.as_ref().is_ok_and(|outcome| outcome.error().is_none());
    let object = Report { command: &command, ok, content };
    sanitize::json(&serde_json::to_string(&object).unwrap_or_default())
}

/// The object for a message, for listeners.
pub(crate) fn event(message: &Message) -> String {
    let object = Event { event: "message", message: message.into() };
    sanitize::json(&serde_json::to_string(&object).unwrap_or_default())
}

#[derive(Serialize)]
struct Event<'a> {
    event: &'a str,
    message: MessageObject<'a>,
}

#[derive(Serialize)]
struct Report<'a> {
    command: &'a str,
    ok: bool,
    #[serde(flatten)]
    content: Content<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Error { error: ErrorObject<'a> },
    User { user: &'a UserName },
    Message { message: MessageObject<'a> },
    Reached { message: MessageObject<'a>, receipt: ReceiptObject },
    SentFiles(SentFilesObject<'a>),
    Messages { messages: Vec<MessageObject<'a>>, more: bool },
    Saved(SavedObject<'a>),
    SavedFiles(SavedFilesObject<'a>),
    Group { group: &'a GroupName },
    Shown(Value),
    Help { help: String },
    Nothing {},
}

impl<'a> From<&'a Outcome> for Content<'a> {
    fn from(outcome: &'a Outcome) -> Self {
        match outcome {
            Outcome::Registered(user) | Outcome::SignedIn(user) => Self::User { user },
            Outcome::Sent(message) => Self::Message { message: message.into() },
            Outcome::SentFiles(sent) => Self::SentFiles(sent.into()),
            Outcome::Reached { message, receipt } => {
                Self::Reached { message: message.into(), receipt: (*receipt).into() }
            }
            Outcome::History(page) => Self::Messages {
                messages: page.messages.iter().map(MessageObject::from).collect(),
                more: page.more,
            },
            Outcome::Saved { file, path, was_here, .. } => {
                Self::Saved(SavedObject { file: file.into(), path, was_here: *was_here })
            }
            Outcome::SavedFiles(saved) => Self::SavedFiles(saved.into()),
            Outcome::MadeGroup(group) | Outcome::Joined(group) | Outcome::Left(group) => {
                Self::Group { group }
            }
            Outcome::Shown(result) => Self::Shown(result.json()),
            Outcome::Help(verb) => Self::Help { help: help(*verb) },
            Outcome::SignedOut
            | Outcome::SignedOutEverywhere
            | Outcome::PasswordChanged
            | Outcome::Revoked(_)
            | Outcome::Quit => Self::Nothing {},
        }
    }
}

#[cfg(test)]
mod tests;
