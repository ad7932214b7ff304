//! Results as JSON for scripts: one object for each line of input.
//!
//! The text of every string is exact. Characters that a terminal would act on are escaped, as the format
//! allows, so the output is also safe in a terminal.

mod files;

use std::fmt::Write;

use qchat_proto::{Address, Body, GroupName, Message, Receipt, UserName};
use serde::Serialize;
use serde_json::Value;

use crate::command::{CommandEntry, bounded, help, stage_name};
use crate::error::CommandError;
use crate::outcome::Outcome;
use crate::output::sanitize::{self, MarkCounter};
use crate::output::time::rfc3339;
pub(crate) use files::renamed;
use files::{FileObject, SavedFilesObject, SavedObject, SentFilesObject};

/// The object for the result of a line that began with the word `command`, without a line ending.
pub(crate) fn report(command: &str, result: &Result<Outcome, CommandError>) -> String {
    // An alias is reported as its command.
    let command = CommandEntry::named(command)
        .map_or_else(|| bounded(command), |entry| entry.name.to_owned());
    let content = match result {
        Ok(outcome) => Content::from(outcome),
        Err(CommandError { code, text, .. }) => {
            Content::Error { error: ErrorObject { code: code.as_str(), message: text } }
        }
    };
    let ok = result.as_ref().is_ok_and(|outcome| outcome.error().is_none());
    let object = Report { command: &command, ok, content };
    escape(&serde_json::to_string(&object).unwrap_or_default())
}

/// The object for a message, for listeners.
pub(crate) fn event(message: &Message) -> String {
    let object = Event { event: "message", message: message.into() };
    escape(&serde_json::to_string(&object).unwrap_or_default())
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

#[derive(Serialize)]
struct ErrorObject<'a> {
    code: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct MessageObject<'a> {
    id: String,
    from: &'a UserName,
    #[serde(flatten)]
    to: ToObject<'a>,
    at: String,
    #[serde(flatten)]
    body: BodyObject<'a>,
    unread: bool,
}

#[derive(Serialize)]
struct ReceiptObject {
    stage: &'static str,
    receivers: u64,
    delivered: u64,
    read: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum ToObject<'a> {
    To(&'a UserName),
    Group(&'a GroupName),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum BodyObject<'a> {
    Text(&'a str),
    File(FileObject<'a>),
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

impl<'a> From<&'a Message> for MessageObject<'a> {
    fn from(message: &'a Message) -> Self {
        Self {
            id: message.id.to_string(),
            from: &message.from,
            to: match &message.id.log {
                Address::User(user) => ToObject::To(user),
                Address::Group(group) => ToObject::Group(group),
            },
            at: rfc3339(message.at),
            body: match &message.body {
                Body::Text(text) => BodyObject::Text(text.as_str()),
                Body::File(file) => BodyObject::File(file.into()),
                Body::ExpiredFile(file) => {
                    BodyObject::File(FileObject { expired: true, ..file.into() })
                }
            },
            unread: message.unread,
        }
    }
}

impl From<Receipt> for ReceiptObject {
    fn from(receipt: Receipt) -> Self {
        let Receipt { receivers, delivered, read } = receipt;
        Self { stage: stage_name(receipt.stage()), receivers, delivered, read }
    }
}

/// Escapes characters that a terminal would act on, and floods of marks. The characters of JSON itself are
/// ASCII, so each escaped character is part of a string.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    let mut marks = MarkCounter::default();
    for character in json.chars() {
        if marks.flood(character) || sanitize::acts(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a String does not fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
