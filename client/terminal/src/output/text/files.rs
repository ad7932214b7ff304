//! The results of commands with several files.

use std::fmt::Write;

use indicatif::HumanBytes;
use qchat_proto::{Body, Message};

use super::{RenderOptions, failure, whole};
use crate::error::CommandError;
use crate::outcome::{RenamedFile, SavedFiles, SentFiles, SkippedEntry};
use crate::output::sanitize;
use crate::output::wrap::fold;

/// How many of the failed files are listed.
const FAILED_SHOWN_MAX: usize = 10;

/// `sent 12 files, 3.40 MiB: @bob:17 to @bob:28`.
pub(super) fn sent(sent: &SentFiles) -> String {
    came(&sent.messages).unwrap_or_default()
}

/// The files that were not sent, with the reasons.
pub(super) fn not_sent(sent: &SentFiles, options: &RenderOptions) -> String {
    let failed = sent.failed.iter().map(|(path, why)| named(&path.display().to_string(), why));
    let mut text = all_failed(failed, options);
    if let Some(whole) = sent.error() {
        let again = format!("{}; the same line again sends only those", whole.text);
        text.push_str(&failure(&CommandError { text: again, ..whole }, options));
    }
    if let Some(left_out) = left_out(&sent.left_out) {
        text.push_str(&whole(&left_out, options));
    }
    text
}

/// `"p/a\nb" is sent as p/a_b`, one line for each.
pub(crate) fn renamed(renamed: &[RenamedFile], columns: Option<usize>) -> String {
    let lines = renamed.iter().map(|RenamedFile { path, sent_as }| {
        let line = format!("{path:?} is sent as {sent_as}");
        fold(&sanitize::line(&line), columns) + "\n"
    });
    lines.collect()
}

/// `saved 12 files (3.40 MiB), of which 2 were here before`.
pub(super) fn saved(saved: &SavedFiles) -> String {
    let bytes = saved.files.iter().map(|(file, _)| file.size).fold(0, u64::saturating_add);
    let mut text = match saved.files.len() {
        0 => String::new(),
        1 => format!("saved 1 file ({})", HumanBytes(bytes)),
        files => format!("saved {files} files ({})", HumanBytes(bytes)),
    };
    if saved.were_here > 0 {
        // Writing to a String does not fail.
        let _ = write!(text, ", of which {} were here before", saved.were_here);
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The files that were not fetched, with the reasons.
pub(super) fn not_saved(saved: &SavedFiles, options: &RenderOptions) -> String {
    let failed = saved.failed.iter().map(|(file, why)| named(file.name.as_str(), why));
    let mut text = all_failed(failed, options);
    if let Some(whole) = saved.error() {
        let again = format!("{}; the same line again fetches only those", whole.text);
        text.push_str(&failure(&CommandError { text: again, ..whole }, options));
    }
    text
}

/// The errors of the first failed files, and how many others there are.
fn all_failed(mut failed: impl Iterator<Item = CommandError>, options: &RenderOptions) -> String {
    let shown = failed.by_ref().take(FAILED_SHOWN_MAX).map(|why| failure(&why, options));
    let mut text: String = shown.collect();
    match failed.count() {
        0 => {}
        // Writing to a String does not fail.
        more => drop(writeln!(text, "  and {more} more")),
    }
    text
}

fn came(messages: &[Message]) -> Option<String> {
    let (first, last) = (messages.first()?, messages.last()?);
    let bytes = messages.iter().map(bytes).fold(0, u64::saturating_add);
    let bytes = HumanBytes(bytes);
    Some(match messages.len() {
        1 => format!("sent 1 file, {bytes}: {}\n", first.id),
        files => format!("sent {files} files, {bytes}: {} to {}\n", first.id, last.id),
    })
}

fn bytes(message: &Message) -> u64 {
    match &message.body {
        Body::File(file) | Body::ExpiredFile(file) => file.size,
        Body::Text(_) => 0,
    }
}

/// The error, with the file's name if its text does not begin with it.
fn named(path: &str, why: &CommandError) -> CommandError {
    match why.text.starts_with(path) {
        true => why.clone(),
        false => CommandError { text: format!("{path}: {}", why.text), ..why.clone() },
    }
}

/// `left out d/link: a symbolic link, which is not followed`.
fn left_out(entries: &[SkippedEntry]) -> Option<String> {
    let SkippedEntry { path, kind } = entries.first()?;
    let path = path.to_string_lossy();
    let first = format!("left out {}: {kind}", sanitize::line(&path));
    Some(match entries.len() - 1 {
        0 => first,
        more => format!("{first}; and {more} more links, devices, sockets or pipes"),
    })
}
