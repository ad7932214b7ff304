//! The hooks that the line editor calls while a line is typed.
//!
//! The editor measures its prompt once, so another prompt needs another call of the editor. No hook can end
//! a call. A SIGINT can: the editor handles that signal itself, and returns as for Ctrl-C. Keys that it had read
//! before are handled first, and change the line that the hooks have kept.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use rustyline::completion::Completer;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::prompt::completion::complete;
use crate::prompt::notices::NoticeQueue;

/// Completes names, reports when a line is entered, and lets the editor return when its prompt is stale.
pub(crate) struct EditorHooks {
    notices: Arc<NoticeQueue>,
    /// Lets the editor return as soon as it waits for a key. Returns whether that is possible.
    interrupt: fn() -> bool,
    /// Whether the next drawing goes over the old line on the screen.
    draws_over: Cell<bool>,
    is_leaving: Cell<bool>,
    partial_line: RefCell<Option<PartialLine>>,
}

/// A longer line takes several rows. It is not drawn as a whole for each key.
const LONG_LINE_BYTES: usize = 500;

/// Takes the place of the prompt in the last drawing before the editor returns: makes room for the rows that
/// the editor may still add below, and saves the position of the cursor.
const SAVE_CURSOR: &str = "\n\n\u{1b}[2A\r\u{1b}7";

/// Returns to the saved position, and clears the screen from there.
pub(crate) const ERASE_FROM_SAVED: &str = "\u{1b}8\u{1b}[J";

/// The text of a line that is not entered yet, before the cursor and after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct PartialLine {
    pub(crate) before: String,
    pub(crate) after: String,
}

impl EditorHooks {
    pub(crate) fn new(notices: Arc<NoticeQueue>) -> Self {
        Self::with_interrupt(notices, interrupt_editor)
    }

    fn with_interrupt(notices: Arc<NoticeQueue>, interrupt: fn() -> bool) -> Self {
        Self {
            notices,
            interrupt,
            draws_over: Cell::new(false),
            is_leaving: Cell::new(false),
            partial_line: RefCell::new(None),
        }
    }

    /// The line that was typed when the hooks let the editor return; `None` if they did not.
    pub(crate) fn take_partial_line(&mut self) -> Option<PartialLine> {
        self.partial_line.take()
    }

    /// Whether the editor is about to return.
    fn has_partial_line(&self) -> bool {
        self.partial_line.borrow().is_some()
    }
}

/// Sends the signal to this thread, which is the editor's. Its handler has run when this returns.
#[cfg(unix)]
fn interrupt_editor() -> bool {
    use nix::sys::signal::{Signal, raise};
    raise(Signal::SIGINT).is_ok()
}

#[cfg(not(unix))]
fn interrupt_editor() -> bool {
    false
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

impl Hinter for EditorHooks {
    type Hint = String;
}

impl Highlighter for EditorHooks {
    /// The editor draws in two ways: over the old line, and below a text that it has just printed in place of
    /// the old line. It calls this hook before the first way only. With the answer `false` it would not always
    /// draw.
    ///
    /// A long line is drawn by what is added to it: drawn as a whole for each character, a paste of 20,000
    /// takes many seconds. Its prompt may stay stale until the line is entered.
    fn highlight_char(&self, line: &str, _: usize, _: CmdKind) -> bool {
        self.draws_over.set(true);
        line.len() <= LONG_LINE_BYTES || self.has_partial_line()
    }

    /// Below a text, no row of the old prompt is left on the screen and no key waits to be read. Only there
    /// the editor is left, and only there it is certain to handle the signal.
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        let is_below_text = !self.draws_over.replace(false);
        if self.has_partial_line() {
            // The editor looks only at the first of the signals that wait, and that may be one of the terminal's size.
            (self.interrupt)();
            return Cow::Borrowed(prompt);
        }
        if is_below_text && self.notices.is_stale() && (self.interrupt)() {
            self.notices.prompt_interrupted();
            self.is_leaving.set(true);
            return Cow::Borrowed(SAVE_CURSOR);
        }
        Cow::Borrowed(prompt)
    }

    /// Called after the hook for the prompt, in the same drawing.
    fn highlight<'l>(&self, line: &'l str, position: usize) -> Cow<'l, str> {
        let is_leaving = self.is_leaving.replace(false);
        // Keys that were read before the signal still change the line.
        if is_leaving || self.has_partial_line() {
            let (before, after) = line.split_at_checked(position).unwrap_or((line, ""));
            let partial = PartialLine { before: before.to_owned(), after: after.to_owned() };
            self.partial_line.replace(Some(partial));
        }
        if is_leaving {
            return Cow::Borrowed("");
        }
        Cow::Borrowed(line)
    }
}

impl Validator for EditorHooks {
    /// Accepts every line. No notice may be printed from here on, since the editor is about to return.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.notices.prompt_closed();
        Ok(ValidationResult::Valid(None))
    }
}

impl Helper for EditorHooks {}

#[cfg(test)]
mod tests;
