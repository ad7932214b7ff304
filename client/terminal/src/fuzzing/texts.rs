//! Shows texts of somebody else as a terminal would show them.

use qchat_proto::command::Log;
use qchat_proto::{Body, Code, Digest, File, FilePath, Message, StoredName, Timestamp};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_width::UnicodeWidthChar;

use crate::error::CommandError;
use crate::outcome::{
    LateResult, Notice, NoticeBatch, Outcome, Page, ReceivedMessage, RenamedFile, SentFiles,
    SkippedEntry, TransferDirection, TransferRow, TransferState,
};
use crate::output::{Palette, RenderOptions, is_plain, json, sanitize, text};

/// Shows the bytes as every kind of text from outside. The first byte is the width of the terminal.
///
/// # Panics
/// A terminal could act on the output, or the text appears in a place that is reserved for the client or
/// another speaker.
pub fn text(input: &[u8]) {
    let [columns, time, text @ ..] = input else { return };
    let text = String::from_utf8_lossy(text);
    check_is_safe(&text);
    let columns = Some(usize::from(*columns)).filter(|&columns| columns > 0);
    let shown = Shown { columns, at: u64::from(*time) << 34 };
    shown.check_message(&text);
    shown.check_file(&text);
    shown.check_errors(&text);
    shown.check_transfers(&text);
}

/// Checks that the result of [`sanitize::line`] is safe. The forbidden characters are listed here a second
/// time, so that a mistake there is found here.
#[track_caller]
pub(crate) fn check_is_safe(text: &str) {
    let safe = sanitize::line(text);
    assert!(!safe.chars().any(is_forbidden), "{text:?}: {safe:?}");
    let marks = safe.split(|part: char| !is_mark(part)).map(|run| run.chars().count());
    assert!(marks.max().unwrap_or(0) <= 6, "{text:?}: {safe:?}");
    assert_eq!(sanitize::line(&safe), safe, "{text:?}");
}

fn is_forbidden(part: char) -> bool {
    part.is_control()
        || matches!(part,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}'
            | '\u{200b}' | '\u{200c}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}' | '\u{f0000}'..)
}

fn is_mark(part: char) -> bool {
    part == '\u{200d}' || part.general_category_group() == GeneralCategoryGroup::Mark
}

/// The width of a row in a terminal that draws it as narrow as possible.
fn width(row: &str) -> usize {
    row.chars().map(|part| part.width().unwrap_or(0)).sum()
}

/// Narrower terminals break also the client's own words.
const COLUMNS_MIN: usize = 24;

/// The place where a text is shown.
struct Shown {
    columns: Option<usize>,
    /// The time of the message, in milliseconds since 1970.
    at: u64,
}

impl Shown {
    fn options(&self) -> RenderOptions {
        let now = jiff::Timestamp::UNIX_EPOCH.to_zoned(jiff::tz::TimeZone::UTC);
        RenderOptions { palette: Palette::default(), columns: self.columns, now }
    }

    /// Shows notices.
    fn batch(&self, notices: Vec<Notice>) -> String {
        let batch = NoticeBatch { notices, left_out: 0 };
        text::batch(&batch, &Palette::default(), self.columns)
    }

    fn message(&self, from: &str, body: Body) -> Message {
        Message {
            id: "@alice:41".parse().expect("an id"),
            from: from.parse().expect("a name"),
            at: Timestamp::from_milliseconds(self.at),
            body,
            unread: true,
        }
    }

    fn check_message(&self, text: &str) {
        let Ok(text) = text.to_owned().try_into() else { return };
        let text = Body::Text(text);
        for from in ["m", "mallory-with-the-longest-of-names"] {
            let from = from.get(..32).unwrap_or(from);
            self.check_said(&self.message(from, text.clone()), '│');
        }
    }

    fn check_file(&self, text: &str) {
        let original = FilePath::from(text);
        let file = File {
            name: StoredName::new(Timestamp::from_milliseconds(self.at), original.name()),
            original,
            size: self.at,
            digest: Digest([0; 32]),
        };
        self.check_said(&self.message("mallory", Body::File(file.clone())), '+');
        self.check_said(&self.message("mallory", Body::ExpiredFile(file.clone())), '+');
        let path = format!("download/alice/{}", file.original);
        let saved = Outcome::Saved { file: file.clone(), path, damaged: vec![7], was_here: false };
        self.check_rows(&self.shown(&saved), is_ours_or_continued);
        let sent = Outcome::Sent(self.message("alice", Body::File(file)));
        self.check_rows(&text::outcome(&sent, &self.options()), is_ours_or_continued);
    }

    /// Shows results and remarks, as a terminal does.
    fn shown(&self, outcome: &Outcome) -> String {
        text::outcome(outcome, &self.options()) + &text::remarks(outcome, &self.options())
    }

    /// Checks a message in a history and as a notice.
    fn check_said(&self, message: &Message, gutter: char) {
        let from = message.from.to_string();
        let read = Outcome::History(Page {
            log: Log::Inbox,
            messages: vec![message.clone()],
            unbroken: 1,
            more: false,
            again: "inbox".to_owned(),
        });
        self.check_speaker(&text::outcome(&read, &self.options()), &from, gutter);
        let lab: qchat_proto::GroupName = "lab".parse().expect("a name");
        for (log, speaker) in
            [(Log::Inbox, from.clone()), (Log::Group(lab), format!("+lab {from}"))]
        {
            let reader = "alice".parse().expect("a name");
            let notices =
                vec![Notice::Message(ReceivedMessage { reader, log, message: message.clone() })];
            self.check_speaker(&self.batch(notices), &speaker, gutter);
        }
        let reported = json::report("inbox", &Ok(read));
        assert!(!reported.chars().any(is_forbidden), "{reported:?}");
    }

    /// The speaker stands left of the gutter in the first row, and nothing below.
    fn check_speaker(&self, shown: &str, speaker: &str, gutter: char) {
        let mut rows = shown.lines();
        let first = rows.next().unwrap_or_default();
        let speaks = format!("  {speaker} {gutter}");
        assert!(first.contains(&speaks), "{shown}");
        let place = first.find(&speaks).map_or(0, |before| width(&first[..before + speaks.len()]));
        let is_aligned = |row: &str| {
            let gutter = row.trim_start().starts_with(gutter) && row.starts_with("  ");
            let indent = width(row.split(gutter_of(row)).next().unwrap_or_default()) + 1;
            gutter && (indent == place || indent == 3)
        };
        for row in rows {
            assert!(is_aligned(row), "{row:?} in {shown}");
            self.check_row(row);
        }
        assert!(!shown.chars().any(|part| part != '\n' && is_forbidden(part)), "{shown:?}");
    }

    fn check_errors(&self, text: &str) {
        let failure = CommandError::refused(Code::Usage, text);
        self.check_rows(&text::failure(&failure, &self.options()), is_error);
        let reported = json::report("send", &Err(failure.clone()));
        assert!(!reported.chars().any(is_forbidden), "{reported:?}");
        let late = LateResult { line: text.to_owned(), result: Err(failure.clone()) };
        self.check_rows(&text::late(&late, &self.options()), is_error);
        let notices = vec![Notice::Text(text.to_owned())];
        self.check_rows(&self.batch(notices), |_| true);
        let several = Outcome::SentFiles(SentFiles {
            messages: Vec::new(),
            failed: vec![(text.into(), failure)],
            left_out: vec![SkippedEntry { path: text.into(), kind: "a device" }],
            renamed: Vec::new(),
        });
        let ours = |row: &str| is_error(row) || is_ours(row, &["left out "]);
        self.check_rows(&self.shown(&several), ours);
        let renamed = [RenamedFile { path: text.into(), sent_as: text.to_owned() }];
        let ours = |row: &str| is_ours(row, &["\""]) || is_indented(row);
        self.check_rows(&text::renamed(&renamed, self.columns), ours);
        assert!(!json::renamed(&renamed).chars().any(is_forbidden), "{text:?}");
    }

    fn check_transfers(&self, text: &str) {
        let (number, direction, name) = (1, TransferDirection::Fetch, text.to_owned());
        let row = |state| TransferRow { number, direction, name: name.clone(), state };
        let rows = [
            row(TransferState::Ended(text.to_owned())),
            row(TransferState::Waits(Default::default())),
        ];
        let shown = text::transfers(&rows, self.columns);
        self.check_rows(&shown, |row| is_ours(row, &["1  fetch  "]) || is_indented(row));
    }

    /// Every row fits, begins as expected, and holds nothing that a terminal acts on.
    #[track_caller]
    fn check_rows(&self, shown: &str, begins: impl Fn(&str) -> bool) {
        for row in shown.lines() {
            assert!(begins(row), "{row:?} in {shown}");
            assert!(!row.chars().any(is_forbidden), "{row:?}");
            self.check_row(row);
        }
    }

    #[track_caller]
    fn check_row(&self, row: &str) {
        if let Some(columns) = self.columns.filter(|&columns| columns >= COLUMNS_MIN) {
            // Spaces at the end of a row take no column in a terminal that breaks there.
            let row = row.trim_end();
            let is_word = row.rsplit(' ').next().is_some_and(is_plain);
            assert!(width(row) <= columns || is_word, "{row:?} in {columns}");
        }
    }
}

fn gutter_of(row: &str) -> char {
    row.trim_start().chars().next().unwrap_or('│')
}

fn is_indented(row: &str) -> bool {
    row.starts_with("  ") || row.trim().is_empty()
}

fn is_error(row: &str) -> bool {
    is_ours(row, &["error: "]) || is_indented(row)
}

fn is_ours_or_continued(row: &str) -> bool {
    is_ours(row, &["saved ", "sent ", "block ", "  │ "])
}

/// Whether a row begins with words of the client, or with as many of them as a narrow terminal has room for.
fn is_ours(row: &str, words: &[&str]) -> bool {
    words.iter().any(|ours| row.starts_with(ours) || ours.starts_with(row))
}

#[cfg(test)]
mod tests;
