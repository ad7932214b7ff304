//! The line editor, on a thread of its own: it waits for keys, and the runtime must not.

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc as threads};

use qchat_client::private_file::make_folder;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor, ExternalPrinter, Prompt};
use tokio::sync::mpsc;

use crate::command::{CommandEntry, nearest};
use crate::output::print_part;
use crate::prompt::editor_hooks::{ERASE_FROM_SAVED, EditorHooks, PartialLine};
use crate::prompt::notices::{NoticeQueue, Print, REDRAW};

/// The input of a person at one prompt.
#[derive(Debug)]
pub(crate) enum PromptInput {
    /// A line, without its line ending. A paste of several lines is one.
    Line { text: String, columns: Option<usize> },
    /// Ctrl-C: the line is dropped.
    Cancelled,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Asks the editor's thread for one line at a time.
#[derive(Debug)]
pub(crate) struct EditorHandle {
    prompts: threads::SyncSender<()>,
    inputs: mpsc::Receiver<PromptInput>,
}

impl EditorHandle {
    /// Starts the editor. It remembers lines in the file `history`, if that is given, and gets the text of the
    /// prompt from `notices`. Also returns the function that prints above the prompt, or below it if the
    /// terminal cannot do more.
    ///
    /// # Errors
    /// The terminal cannot be used.
    pub(crate) fn start(
        history: Option<PathBuf>,
        notices: Arc<NoticeQueue>,
    ) -> rustyline::Result<(Self, Box<Print>)> {
        // The hooks use no colours, but without this mode the editor would not call all of them.
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
            load_history(&mut editor, path);
        }
        let (prompts, asked) = threads::sync_channel::<()>(1);
        let (typed, inputs) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut thread = EditorThread { editor, history, notices };
            while let Ok(()) = asked.recv() {
                if typed.blocking_send(thread.next_input()).is_err() {
                    break;
                }
            }
        });
        Ok((Self { prompts, inputs }, print))
    }

    /// Shows the prompt. The input of the prompt before must have been received.
    pub(crate) fn show(&mut self) {
        // If the editor is gone, the next input is the end.
        let _ = self.prompts.send(());
    }

    /// Waits for the input at the prompt.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn input(&mut self) -> PromptInput {
        self.inputs.recv().await.unwrap_or(PromptInput::End)
    }
}

/// For a terminal that only takes lines, such as one with TERM=dumb: prints a notice below the prompt, and the
/// prompt again.
fn print_below(notices: Arc<NoticeQueue>) -> Box<Print> {
    Box::new(move |text| {
        let prompt = notices.shown_text();
        let shown = text == REDRAW || print_part(&format!("\n{text}{prompt}")).is_ok();
        notices.note_drawn();
        shown
    })
}

type LineEditor = Editor<EditorHooks, FileHistory>;

/// An unreadable history does not keep the prompt from starting.
fn load_history(editor: &mut LineEditor, history: &Path) {
    let folder = history.parent().map(make_folder);
    if matches!(folder, Some(Ok(()))) {
        let _ = editor.load_history(history);
    }
}

/// The state of the editor's thread.
struct EditorThread {
    editor: LineEditor,
    history: Option<PathBuf>,
    notices: Arc<NoticeQueue>,
}

impl EditorThread {
    fn next_input(&mut self) -> PromptInput {
        let line = self.read_line();
        self.notices.prompt_closed();
        match line {
            Ok(text) => {
                self.remember(&text);
                PromptInput::Line { text, columns: self.columns() }
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => PromptInput::Cancelled,
            Err(_) => PromptInput::End,
        }
    }

    /// Reads a line. If the prompt changes meanwhile, the editor begins again with the text typed so far.
    fn read_line(&mut self) -> rustyline::Result<String> {
        let mut typed = PartialLine::default();
        loop {
            let text = self.notices.prompt_shown();
            let prompt = ObservedPrompt { text, notices: &self.notices };
            let begun = (typed.before.as_str(), typed.after.as_str());
            let line = self.editor.readline_with_initial(&prompt, begun);
            let partial = self.editor.helper_mut().and_then(EditorHooks::take_partial_line);
            match partial {
                Some(partial) if line.is_err() => typed = partial,
                _ => return line,
            }
            // If that fails, the terminal is gone, and the editor says so.
            let _ = print_part(ERASE_FROM_SAVED);
        }
    }

    fn columns(&mut self) -> Option<usize> {
        self.editor.dimensions().map(|(columns, _)| usize::from(columns))
    }

    /// Remembers a line before it runs, because writing the file changes the umask of the process for a moment.
    fn remember(&mut self, line: &str) {
        if !may_be_remembered(line) || !matches!(self.editor.add_history_entry(line), Ok(true)) {
            return;
        }
        if let Some(path) = &self.history {
            let _ = self.editor.append_history(path);
        }
    }
}

/// A prompt that reports when the editor draws it.
struct ObservedPrompt<'a> {
    text: String,
    notices: &'a NoticeQueue,
}

impl Prompt for ObservedPrompt<'_> {
    fn raw(&self) -> &str {
        self.notices.note_drawn();
        &self.text
    }
}

/// Whether no row of the line may hold a password. A mistyped command counts as the command that was probably
/// meant; a line without a known command may hold one.
fn may_be_remembered(line: &str) -> bool {
    let meant = |line: &str| {
        let word = line.split_whitespace().next().unwrap_or_default();
        CommandEntry::named(word).or_else(|| nearest(word).and_then(CommandEntry::named))
    };
    let mut rows = line.split(['\n', '\r']).map(meant);
    let is_command = rows.next().flatten().is_some_and(|entry| !entry.may_hold_password());
    is_command && !rows.flatten().any(CommandEntry::may_hold_password)
}

#[cfg(test)]
mod tests;
