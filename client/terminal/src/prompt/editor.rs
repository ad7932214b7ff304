//! The editor of typed lines, on a thread of its own: it waits for keys, the runtime must not.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::sync::{Arc, mpsc as threads};

use qchat_client::private_file::make_folder;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter, Prompt};
use tokio::sync::mpsc;

use crate::command::{CommandEntry, nearest};
use crate::output::print_part;
use crate::prompt::editor_hooks::{EditorHooks, PartialLine};
use crate::prompt::notices::{NoticeQueue, Print, REDRAW};

/// What a person did at the prompt.
#[derive(Debug)]
pub(crate) enum PromptInput {
    /// A line, without its end. A paste of several lines is one.
    Line { text: String, columns: Option<usize> },
    /// Ctrl-C: the line is not meant.
    Cancelled,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Asks for one line at a time.
#[derive(Debug)]
pub(crate) struct EditorHandle {
    prompts: threads::SyncSender<()>,
    typed: mpsc::Receiver<PromptInput>,
}

impl EditorHandle {
    /// Starts the editor. Lines are remembered in `history`, if that is given; `board` says
    /// what the prompt says, and is told while one is up. What is returned beside prints above the prompt, or
    /// below it if the terminal can do no more.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub(crate) fn start(
        history: Option<PathBuf>,
        notices: Arc<NoticeQueue>,
    ) -> rustyline::Result<(Self, Box<Print>)> {
        // Nothing is coloured; without this the attendant would not be asked everywhere.
        let config = Config::builder()
            .auto_add_history(false)
            .completion_type(CompletionType::List)
            .color_mode(ColorMode::Forced);
        let mut editor = Editor::with_config(config.build())?;
        editor.set_helper(Some(EditorHooks::new(Arc::clone(&notices))));
        let print: Box<Print> = match editor.create_external_printer() {
            Ok(mut printer) => Box::new(move |text| printer.print(text).is_ok()),
            Err(_) => print_below(Arc::clone(&notices)),
        };
        if let Some(path) = &history {
            prepare(&mut editor, path);
        }
        let (prompts, asked) = threads::sync_channel::<()>(1);
        let (answers, typed) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut editor_thread = EditorThread { editor, history, notices };
            while let Ok(()) = asked.recv() {
                if answers.blocking_send(editor_thread.read_input()).is_err() {
                    break;
                }
            }
        });
        Ok((Self { prompts, typed }, print))
    }

    /// Shows the prompt. What is typed at the one before must have come.
    pub(crate) fn show(&mut self) {
        // Where the editor is gone, nothing can be typed any more.
        let _ = self.prompts.send(());
    }

    /// Waits for what is typed at the prompt.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn typed(&mut self) -> PromptInput {
        self.typed.recv().await.unwrap_or(PromptInput::End)
    }
}

/// For a terminal that only takes lines, such as one with TERM=dumb: what comes stands below the prompt, which is
/// shown again.
fn print_below(notices: Arc<NoticeQueue>) -> Box<Print> {
    Box::new(move |text| {
        let shown =
            text == REDRAW || print_part(&format!("\n{text}{}", notices.shown_text())).is_ok();
        notices.note_drawn();
        shown
    })
}

type LineEditor = Editor<EditorHooks, FileHistory>;

/// A history that cannot be kept is no reason not to talk.
fn prepare(editor: &mut LineEditor, history: &std::path::Path) {
    let folder = history.parent().map(make_folder);
    if matches!(folder, Some(Ok(()))) {
        let _ = editor.load_history(history);
    }
}

/// What the editor's thread owns.
struct EditorThread {
    editor: LineEditor,
    history: Option<PathBuf>,
    notices: Arc<NoticeQueue>,
}

impl EditorThread {
    fn read_input(&mut self) -> PromptInput {
        let typed = self.read();
        self.notices.prompt_closed();
        match typed {
            Ok(text) => {
                self.remember(&text);
                PromptInput::Line { text, columns: self.columns() }
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => PromptInput::Cancelled,
            Err(_) => PromptInput::End,
        }
    }

    /// Reads a line. Where the prompt changes meanwhile, it is begun again with what is typed of it.
    fn read(&mut self) -> rustyline::Result<String> {
        let mut half = PartialLine::default();
        loop {
            let prompt = Drawn { prompt: self.notices.prompt_shown(), notices: &self.notices };
            let begun = (half.before.as_str(), half.after.as_str());
            let editor = &mut self.editor;
            // It is left while it draws. What it keeps between lines, the history, is not touched then.
            let read =
                catch_unwind(AssertUnwindSafe(|| editor.readline_with_initial(&prompt, begun)));
            match read {
                Ok(read) => return read,
                Err(left) => half = *left.downcast().unwrap_or_else(|panic| resume_unwind(panic)),
            }
        }
    }

    fn columns(&mut self) -> Option<usize> {
        self.editor.dimensions().map(|(columns, _)| usize::from(columns))
    }

    /// Before the line is run: saving sets the process's umask for a moment.
    fn remember(&mut self, line: &str) {
        if !is_kept(line) || !matches!(self.editor.add_history_entry(line), Ok(true)) {
            return;
        }
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

/// A prompt that tells the board when the editor draws it.
struct Drawn<'a> {
    prompt: String,
    notices: &'a NoticeQueue,
}

impl Prompt for Drawn<'_> {
    fn raw(&self) -> &str {
        self.notices.note_drawn();
        &self.prompt
    }
}

/// Whether a line may be kept: none that holds a password, even where its command is mistyped beyond
/// recognition, and also where it is one of several that were pasted together.
fn is_kept(line: &str) -> bool {
    let meant = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        CommandEntry::named(word).or_else(|| nearest(word).and_then(CommandEntry::named))
    };
    let mut rows = line.split(['\n', '\r']).map(meant);
    let is_command = rows.next().flatten().is_some_and(|entry| !entry.may_hold_password());
    is_command && !rows.flatten().any(CommandEntry::may_hold_password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_with_a_password_is_kept() {
        for kept in [
            "ls",
            "send bob hi",
            " inbox",
            "help passwd",
            "sned bob hi",
            "sessions",
            "send bob several\n\nlines of text",
        ] {
            assert!(is_kept(kept), "{kept}");
        }
        for secret in [
            "auth_login alice secret",
            "  auth_register alice secret",
            "AUTH_LOGIN alice secret",
            "auth_logn alice secret",
            "auth-login alice secret",
            "login alice secret",
            "atuh_login alice secret",
            "register a b",
            "logn a b",
            "Auth a b",
            "passwd old new",
            " PASSWD old new",
            "paswd old new",
            "pass old new",
            "password old new",
            "change_password old new",
            "ls\nauth_login alice secret",
            "send bob hi\r\n\r\n  passwd old new\r\nls",
            "",
            "  ",
        ] {
            assert!(!is_kept(secret), "{secret}");
        }
    }
}
