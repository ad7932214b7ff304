//! Notices, for the place above a prompt.

use std::fmt::Write;

use jiff::Zoned;
use qchat_proto::command::Log;
use qchat_proto::{MessageId, Stage};

use super::{GutterColumns, RenderOptions, failure, outcome};
use crate::command::stage_name;
use crate::outcome::{LateResult, Notice, NoticeBatch, ReceivedMessage};
use crate::output::colors::Palette;
use crate::output::sanitize;
use crate::output::time::short_time;
use crate::output::wrap::{fold, wrap};

/// A batch of notices as whole lines, for a terminal of this width.
pub(crate) fn batch(batch: &NoticeBatch, palette: &Palette, columns: Option<usize>) -> String {
    let options = RenderOptions { palette: palette.clone(), columns, now: Zoned::now() };
    let mut text = String::new();
    for notices in &batch.notices {
        match notices {
            Notice::Message(heard) => live(heard, &options, &mut text),
            Notice::Text(notice) => told(notice, &options, &mut text),
            Notice::Late(sent) => text.push_str(&late(sent, &options)),
            Notice::Receipt { stage, messages } => receipt(*stage, messages, &options, &mut text),
        }
    }
    if batch.left_out > 0 {
        let plural = if batch.left_out == 1 { "" } else { "s" };
        // Writing to a String does not fail.
        let _ = writeln!(text, "{} more message{plural}: see inbox and inboxgroup", batch.left_out);
    }
    text
}

/// `  ✓ read: @bob:17 @bob:18`
fn receipt(stage: Stage, messages: &[MessageId], options: &RenderOptions, text: &mut String) {
    let ids: Vec<_> = messages.iter().map(MessageId::to_string).collect();
    let line = format!("  ✓ {}: {}", stage_name(stage), ids.join(" "));
    // Writing to a String does not fail.
    let _ = writeln!(text, "{}", options.palette.quiet(&line));
}

/// How many characters of a line are repeated with its result.
const LINE_CHARACTERS_MAX: usize = 48;

/// The result of a line that was typed some time before: `sent @bob:3 ← send bob hi`.
pub(crate) fn late(LateResult { line, result }: &LateResult, options: &RenderOptions) -> String {
    let told = |options: &RenderOptions| match result {
        Ok(done) => outcome(done, options).trim_end().to_owned(),
        Err(why) => failure(why, options).trim_end().to_owned(),
    };
    let mut shown: String = line.chars().take(LINE_CHARACTERS_MAX).collect();
    if shown.len() < line.len() {
        shown.push('…');
    }
    let line = format!("← {}", sanitize::line(&shown));
    // Colours take no columns, so the width is measured without them.
    let plain = told(&RenderOptions { palette: Palette::default(), ..options.clone() });
    let beside = format!("{} {line}", plain.lines().last().unwrap_or_default());
    let (came, quiet) = (told(options), |text: &str| options.palette.quiet(text));
    match wrap(&beside, options.columns).len() {
        1 => format!("{came} {}\n", quiet(&line)),
        _ => format!("{came}\n{}\n", quiet(&fold(&format!("  {line}"), options.columns))),
    }
}

/// Writes a remark. Only its first line begins at the margin.
fn told(notice: &str, options: &RenderOptions, text: &mut String) {
    for (index, line) in notice.split('\n').enumerate() {
        let indent = if index == 0 { "" } else { "  " };
        let room = options.columns.map(|columns| columns.saturating_sub(indent.len()));
        // Writing to a String does not fail.
        let _ = writeln!(text, "{indent}{}", fold(&sanitize::line(line.trim()), room));
    }
}

/// `  17:40  bob │ hi`, or `  17:40  +lab bob │ hi` in a group. No name begins with a `+`.
pub(super) fn live(heard: &ReceivedMessage, options: &RenderOptions, text: &mut String) {
    let ReceivedMessage { log, message, .. } = heard;
    let speaker = match log {
        Log::Inbox => message.from.to_string(),
        Log::Group(group) => format!("+{group} {}", message.from),
    };
    let time = short_time(message.at, &options.now);
    let columns = GutterColumns { time: time.len(), name: speaker.len() };
    columns.write(message, [" ", &time, &speaker], options, text);
}
