//! What came of several files.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use indicatif::HumanBytes;
use qchat_proto::{Body, Message};

use super::{Paper, failure};
use crate::answer::SentFiles;
use crate::failure::Failure;
use crate::safe;

/// How many of those that failed are told of one by one.
const FAILED_SHOWN_MAX: usize = 10;

/// `sent 12 files, 3.40 MiB: @bob:17 to @bob:28`, and below it what was not sent, and why.
pub(super) fn sent(sent: &SentFiles, paper: &Paper) -> String {
    let mut text = String::new();
    if let Some(came) = came(&sent.messages) {
        text.push_str(&came);
    }
    for (path, why) in sent.failed.iter().take(FAILED_SHOWN_MAX) {
        let text_of_why = failure(&named(path, why), paper);
        text.push_str(&text_of_why);
    }
    if let Some(more) = sent.failed.len().checked_sub(FAILED_SHOWN_MAX).filter(|&more| more > 0) {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  and {more} more");
    }
    if let Some(whole) = sent.failure() {
        let again = format!("{}; the same line again sends only those", whole.text);
        text.push_str(&failure(&Failure { text: again, ..whole }, paper));
    }
    left_out(&sent.left_out, &mut text);
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

/// The reason, with the file's name where it does not say it itself.
fn named(path: &Path, why: &Failure) -> Failure {
    let path = path.display().to_string();
    match why.text.starts_with(&path) {
        true => why.clone(),
        false => Failure { text: format!("{path}: {}", why.text), ..why.clone() },
    }
}

fn left_out(paths: &[PathBuf], text: &mut String) {
    let Some(first) = paths.first() else { return };
    let first = safe::line(&first.to_string_lossy()).into_owned();
    // Writing to a String does not fail.
    let _ = match paths.len() - 1 {
        0 => writeln!(text, "left out {first}, which is no file of the folder"),
        more => {
            writeln!(text, "left out {first} and {more} more, which are no files of the folder")
        }
    };
}
