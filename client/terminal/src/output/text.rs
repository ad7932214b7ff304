//! Results as text for people.
//!
//! Every message stands right of a gutter, and its speaker left of it. No text of a speaker gets to the left,
//! however many lines it has and however narrow the terminal is.

mod files;
mod notices;
mod remarks;
mod transfers;

use std::fmt::Write;

use indicatif::HumanBytes;
use jiff::Zoned;
use qchat_proto::{Address, Body, File, Message, Receipt, Stage};

use crate::command::{help, stage_name};
use crate::error::CommandError;
use crate::outcome::{Outcome, Page};
use crate::output::colors::Palette;
use crate::output::sanitize;
pub(crate) use crate::output::text::notices::{batch, late};
use crate::output::time::short_time;
use crate::output::wrap::{CONTINUED_COLUMNS, fold, wrap};
pub(crate) use files::renamed;
pub(crate) use remarks::remarks;
pub(crate) use transfers::transfers;

/// The properties of the place where a text is shown.
#[derive(Debug, Clone)]
pub(crate) struct RenderOptions {
    pub(crate) palette: Palette,
    /// The width, if it is known. Longer lines are wrapped.
    pub(crate) columns: Option<usize>,
    /// The current time, in the reader's time zone.
    pub(crate) now: Zoned,
}

/// The outcome as whole lines: data that a script may read. [`remarks`] has the sentences about it.
pub(crate) fn outcome(outcome: &Outcome, options: &RenderOptions) -> String {
    match outcome {
        Outcome::Registered(user) => format!("registered {user}; sign in with auth_login {user}\n"),
        Outcome::SignedIn(user) => format!("signed in as {user}\n"),
        Outcome::SignedOut => "signed out\n".to_owned(),
        Outcome::SignedOutEverywhere => "signed out on every device\n".to_owned(),
        Outcome::PasswordChanged => {
            "password changed; all other devices are signed out\n".to_owned()
        }
        Outcome::Shown(result) => result.text(&options.now),
        Outcome::Revoked(id) => format!("ended the session {id}\n"),
        Outcome::Sent(message) => whole(&sent(message), options),
        Outcome::SentFiles(sent) => files::sent(sent),
        Outcome::SavedFiles(saved) => files::saved(saved),
        Outcome::Reached { message, receipt } => {
            whole(&format!("{}: {}", sent(message), reached(message, *receipt)), options)
        }
        Outcome::History(page) => history(page, options),
        Outcome::Saved { file, path, was_here, .. } => {
            let came = if *was_here { "already there:" } else { "saved" };
            whole(&format!("{came} {} ({})", sanitize::line(path), HumanBytes(file.size)), options)
        }
        Outcome::MadeGroup(group) => format!("made the group {group}\n"),
        Outcome::Joined(group) => format!("joined {group}\n"),
        Outcome::Left(group) => format!("left {group}\n"),
        Outcome::Help(verb) => help(*verb),
        Outcome::Quit => String::new(),
    }
}

/// A line that may hold the file name of somebody else, wrapped.
fn whole(line: &str, options: &RenderOptions) -> String {
    format!("{}\n", fold(line, options.columns))
}

/// The error as whole lines. Only the first one begins at the margin.
pub(crate) fn failure(failure: &CommandError, options: &RenderOptions) -> String {
    let mut lines = failure.text.split('\n').map(|line| sanitize::line(line.trim_end()));
    let palette = &options.palette;
    let after = |taken: usize| options.columns.map(|columns| columns.saturating_sub(taken));
    let first = format!("{} ({})", lines.next().unwrap_or_default(), failure.code);
    let first = fold(&first, after("error: ".len()));
    let mut text = format!("{} {first}\n", palette.error("error:"));
    for line in lines {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {}", fold(line.trim_start(), after("  ".len())));
    }
    text
}

fn sent(message: &Message) -> String {
    match &message.body {
        Body::Text(_) => format!("sent {}", message.id),
        Body::File(file) | Body::ExpiredFile(file) => {
            format!("sent {} {}", message.id, describe(file))
        }
    }
}

/// `delivered`, or `read by all 3` if the message went to a group.
fn reached(message: &Message, receipt: Receipt) -> String {
    let stage = stage_name(receipt.stage());
    match message.id.log {
        Address::User(_) => stage.to_owned(),
        Address::Group(_) => {
            let to_or_by = if receipt.stage() == Stage::Read { "by" } else { "to" };
            format!("{stage} {to_or_by} all {}", receipt.receivers)
        }
    }
}

/// `report.pdf, 12.06 KiB, stored as 1763833207123_report.pdf`. Before the name stand the folders that were
/// sent with it.
pub(crate) fn describe(file: &File) -> String {
    let File { name, original, size, .. } = file;
    let original = original.to_string();
    let (name, original) = (sanitize::line(name.as_str()), sanitize::line(&original));
    format!("{original}, {}, stored as {name}", HumanBytes(*size))
}

fn history(page: &Page, options: &RenderOptions) -> String {
    let times: Vec<_> =
        page.messages.iter().map(|message| short_time(message.at, &options.now)).collect();
    let columns = GutterColumns {
        time: times.iter().map(String::len).max().unwrap_or_default(),
        name: page
            .messages
            .iter()
            .map(|message| message.from.as_str().len())
            .max()
            .unwrap_or_default(),
    };
    let mut text = String::new();
    for (message, time) in page.messages.iter().zip(times) {
        let mark = if message.unread { options.palette.mark("*") } else { " ".to_owned() };
        columns.write(message, [&mark, &time, message.from.as_str()], options, &mut text);
    }
    text
}

/// The widths of the columns left of the gutter.
struct GutterColumns {
    time: usize,
    name: usize,
}

/// The least width of a message beside its speaker. If less is left, the message stands below: rows of single
/// words are hard to read.
const ROOM_MIN: usize = 16;

impl GutterColumns {
    /// The columns around the time and the name, up to the message.
    const AROUND: usize = 2 + 2 + 3;

    /// Writes a message after its mark, its time and its speaker.
    fn write(
        &self,
        message: &Message,
        head: [&str; 3],
        options: &RenderOptions,
        text: &mut String,
    ) {
        let Self { time: time_width, name: name_width } = *self;
        let [mark, time, speaker] = head;
        let palette = &options.palette;
        let time = palette.quiet(&format!("{time:>time_width$}"));
        let name = palette.name(&format!("{speaker:name_width$}"));
        let head = format!("{mark} {time}  {name}");
        let gutter = palette.quiet(gutter(&message.body));
        let before = time_width + name_width + Self::AROUND;
        let beside = options.columns.map(|columns| columns.saturating_sub(before));
        let (indent, lines) = match (beside, options.columns) {
            (Some(0..ROOM_MIN), Some(columns)) => {
                let room = columns.saturating_sub(CONTINUED_COLUMNS).max(1);
                let lines = lines(message, Some(room));
                (CONTINUED_COLUMNS, std::iter::once(String::new()).chain(lines).collect())
            }
            _ => (before, lines(message, beside)),
        };
        let indent = " ".repeat(indent - " │ ".chars().count());
        for (index, line) in lines.into_iter().enumerate() {
            let left = if index == 0 { &head } else { &indent };
            let row = format!("{left} {gutter} {line}");
            text.push_str(row.trim_end());
            text.push('\n');
        }
    }
}

/// The lines right of the gutter, safe to print.
fn lines(message: &Message, room: Option<usize>) -> Vec<String> {
    match &message.body {
        Body::Text(text) => {
            let lines = text.as_str().trim_end_matches(['\r', '\n']).split('\n');
            let lines = lines.map(|line| sanitize::line(line.strip_suffix('\r').unwrap_or(line)));
            lines.flat_map(|line| wrap(&line, room)).collect()
        }
        Body::File(file) => wrap(&describe(file), room),
        Body::ExpiredFile(file) => wrap(&format!("{}, expired", describe(file)), room),
    }
}

/// The gutter. It differs for texts and files, so a text cannot pass for a file.
fn gutter(body: &Body) -> &'static str {
    match body {
        Body::Text(_) => "│",
        Body::File(_) | Body::ExpiredFile(_) => "+",
    }
}

#[cfg(test)]
mod tests;
