//! What the line editor asks while a line is typed.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::resume_unwind;
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::command::{COMMANDS, CommandEntry};
use crate::prompt::notices::NoticeQueue;

/// Completes the names of commands and options, tells the board when a line is entered, and gives the line
/// up where its prompt has to say something else.
#[derive(Debug)]
pub(crate) struct EditorHooks {
    notices: Arc<NoticeQueue>,
    /// Whether the next drawing is one of the whole line, over what is on the screen.
    draws_over: Cell<bool>,
}

impl EditorHooks {
    pub(crate) fn new(notices: Arc<NoticeQueue>) -> Self {
        Self { notices, draws_over: Cell::new(false) }
    }
}

/// A line that is longer than a few rows is not drawn whole for each key.
const LONG_LINE_BYTES: usize = 500;

/// A line that is typed half: what stands before the cursor and after it. It is what a panic carries out
/// of the editor, which measures its prompt once and knows no other way of leaving.
#[derive(Debug, Default)]
pub(crate) struct PartialLine {
    pub(crate) before: String,
    pub(crate) after: String,
}

impl Completer for EditorHooks {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(complete(line.get(..position).unwrap_or_default()))
    }
}

/// Where the word begins that is typed, and what it may become.
fn complete(typed: &str) -> (usize, Vec<String>) {
    let start = typed.rfind([' ', '\t']).map_or(0, |space| space + 1);
    let (before, word) = typed.split_at(start);
    let commands = || COMMANDS.iter().map(|entry| entry.name).collect();
    let names: Vec<&str> = match before.trim() {
        "" | "help" => commands(),
        before => {
            let command = before.split_whitespace().next().and_then(CommandEntry::named);
            command.map(|entry| entry.literals().collect()).unwrap_or_default()
        }
    };
    let fitting = names.into_iter().filter(|name| name.starts_with(word));
    (start, fitting.map(|name| format!("{name} ")).collect())
}

impl Hinter for EditorHooks {
    type Hint = String;
}

impl Highlighter for EditorHooks {
    /// The editor draws in two ways: over the old line, and below a text that it has put in the place of
    /// the old line. Before the first, and only then, it asks this; with any other answer it would not
    /// always draw then.
    ///
    /// A long line is drawn by what is added to it: drawn whole for each of its characters, a paste of 20,000
    /// takes many seconds. Its prompt may stay as it is until the line is entered.
    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.draws_over.set(true);
        line.len() <= LONG_LINE_BYTES
    }

    /// Below a text nothing of the old prompt is left on the screen, and no key waits to be read: that is
    /// where the line can be given up, to be begun again with another prompt.
    fn highlight<'l>(&self, line: &'l str, position: usize) -> Cow<'l, str> {
        if !self.draws_over.replace(false) && self.notices.close_if_stale() {
            let (before, after) = line.split_at_checked(position).unwrap_or((line, ""));
            let half = PartialLine { before: before.to_owned(), after: after.to_owned() };
            resume_unwind(Box::new(half));
        }
        Cow::Borrowed(line)
    }
}

impl Validator for EditorHooks {
    /// Every line is well. From here on nothing may be put above it: the editor is about to leave it.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.notices.prompt_closed();
        Ok(ValidationResult::Valid(None))
    }
}

impl Helper for EditorHooks {}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_line_is_given_up_only_below_a_text_and_only_where_the_prompt_is_untrue() {
        let notices = Arc::<NoticeQueue>::default();
        let attendant = EditorHooks::new(Arc::clone(&notices));
        let draws_over = || {
            attendant.highlight_char("añb", 3, CmdKind::Other);
            attendant.highlight("añb", 3).into_owned()
        };
        notices.set_prompt("one> ".to_owned());
        assert_eq!(notices.prompt_shown(), "one> ");
        assert_eq!((draws_over().as_str(), &*attendant.highlight("añb", 3)), ("añb", "añb"));
        notices.set_prompt("two> ".to_owned());
        assert_eq!(draws_over(), "añb");
        let left = catch_unwind(AssertUnwindSafe(|| attendant.highlight("añb", 3).into_owned()));
        let half = left.unwrap_err().downcast::<PartialLine>().unwrap();
        assert_eq!((half.before.as_str(), half.after.as_str()), ("añ", "b"));
        assert_eq!(notices.prompt_shown(), "two> ");
        assert_eq!(&*attendant.highlight("añb", 3), "añb");
    }

    #[track_caller]
    fn check(typed: &str, start: usize, expected: &[&str]) {
        let (at, names) = complete(typed);
        assert_eq!(at, start, "{typed:?}");
        let names: Vec<_> = names.iter().map(|name| name.trim_end()).collect();
        assert_eq!(names, expected, "{typed:?}");
    }

    #[test]
    fn commands_and_options_are_completed() {
        check("se", 0, &["send", "send_file", "sendgroup", "sendgroup_file", "sessions"]);
        check("auth_logout -", 12, &["--all"]);
        check("sessions re", 9, &["revoke"]);
        check(" inbox", 1, &["inbox", "inboxgroup"]);
        check("help jo", 5, &["join"]);
        check("inbox --l", 6, &["--limit"]);
        check("inboxgroup lab --un", 15, &["--unread"]);
        check("send bob se", 9, &[]);
        check("xyzzy --l", 6, &[]);
    }
}
