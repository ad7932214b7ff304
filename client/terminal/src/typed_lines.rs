//! The editor of typed lines, on a thread of its own: it waits for keys, the runtime must not.

use std::path::PathBuf;
use std::sync::{Arc, mpsc as threads};

use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor, ExternalPrinter, Helper, Prompt};
use tokio::sync::mpsc;

use crate::board::{Board, Print};
use crate::command_table::{COMMANDS, Entry, nearest};
use crate::session_file::make_private_folder;

/// What a person did at the prompt.
#[derive(Debug)]
pub(crate) enum Typed {
    /// A line, without its end. A paste of several lines is one.
    Line { text: String, columns: Option<usize> },
    /// Ctrl-C: the line is not meant.
    Nothing,
    /// Ctrl-D, or the terminal is gone.
    End,
}

/// Asks for one line at a time.
#[derive(Debug)]
pub(crate) struct Prompter {
    prompts: threads::SyncSender<String>,
    typed: mpsc::Receiver<Typed>,
}

impl Prompter {
    /// Starts the editor. Lines are remembered in `history`, if that is given; `board` is told while a
    /// prompt is up. What is returned beside prints above the prompt, where the terminal can do that.
    ///
    /// # Errors
    /// Where the terminal cannot be used.
    pub(crate) fn start(
        history: Option<PathBuf>,
        board: Arc<Board>,
    ) -> rustyline::Result<(Self, Option<Box<Print>>)> {
        let config =
            Config::builder().auto_add_history(false).completion_type(CompletionType::List);
        let mut editor = Editor::with_config(config.build())?;
        editor.set_helper(Some(Names(Arc::clone(&board))));
        let print = editor.create_external_printer().ok().map(|mut printer| {
            let print: Box<Print> = Box::new(move |text| printer.print(text).is_ok());
            print
        });
        if let Some(path) = &history {
            prepare(&mut editor, path);
        }
        let (prompts, asked) = threads::sync_channel::<String>(1);
        let (answers, typed) = mpsc::channel(1);
        std::thread::spawn(move || {
            let mut desk = Desk { editor, history, board };
            while let Ok(prompt) = asked.recv() {
                if answers.blocking_send(desk.ask(&prompt)).is_err() {
                    break;
                }
            }
        });
        Ok((Self { prompts, typed }, print))
    }

    /// Shows the prompt. What is typed at the one before must have come.
    pub(crate) fn show(&mut self, prompt: String) {
        // Where the editor is gone, nothing can be typed any more.
        let _ = self.prompts.send(prompt);
    }

    /// Waits for what is typed at the prompt.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn typed(&mut self) -> Typed {
        self.typed.recv().await.unwrap_or(Typed::End)
    }
}

type LineEditor = Editor<Names, FileHistory>;

/// A history that cannot be kept is no reason not to talk.
fn prepare(editor: &mut LineEditor, history: &std::path::Path) {
    let folder = history.parent().map(make_private_folder);
    if matches!(folder, Some(Ok(()))) {
        let _ = editor.load_history(history);
    }
}

/// What the editor's thread owns.
struct Desk {
    editor: LineEditor,
    history: Option<PathBuf>,
    board: Arc<Board>,
}

impl Desk {
    fn ask(&mut self, prompt: &str) -> Typed {
        let columns = self.columns();
        self.board.raise(columns);
        let typed = self.editor.readline(&Drawn { prompt, board: &self.board });
        self.board.lower();
        match typed {
            Ok(text) => {
                self.remember(&text);
                Typed::Line { text, columns: self.columns() }
            }
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => Typed::Nothing,
            Err(_) => Typed::End,
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
    prompt: &'a str,
    board: &'a Board,
}

impl Prompt for Drawn<'_> {
    fn raw(&self) -> &str {
        self.board.note_drawn();
        self.prompt
    }
}

/// Whether a line may be kept: none that holds a password, even where its command is mistyped beyond
/// recognition.
fn is_kept(line: &str) -> bool {
    let word = line.split_whitespace().next().unwrap_or_default();
    let meant = Entry::named(word).map(|entry| entry.name).or_else(|| nearest(word));
    meant.is_some_and(|name| !name.starts_with("auth"))
}

/// Completes the names of commands and options, and tells the board when a line is entered.
#[derive(Debug)]
struct Names(Arc<Board>);

impl Completer for Names {
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
            let command = before.split_whitespace().next().and_then(Entry::named);
            command.map(|entry| entry.option_names().collect()).unwrap_or_default()
        }
    };
    let fitting = names.into_iter().filter(|name| name.starts_with(word));
    (start, fitting.map(|name| format!("{name} ")).collect())
}

impl rustyline::hint::Hinter for Names {
    type Hint = String;
}

impl rustyline::highlight::Highlighter for Names {}

impl Validator for Names {
    /// Every line is well. From here on nothing may be put above it: the editor is about to leave it.
    fn validate(&self, _: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        self.0.lower();
        Ok(ValidationResult::Valid(None))
    }
}

impl Helper for Names {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_with_a_password_is_kept() {
        for kept in ["ls", "send bob hi", " inbox", "help auth_login", "sned bob hi"] {
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
            "",
            "  ",
        ] {
            assert!(!is_kept(secret), "{secret}");
        }
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
        check("se", 0, &["send", "send_file", "sendgroup", "sendgroup_file"]);
        check(" inbox", 1, &["inbox", "inboxgroup"]);
        check("help jo", 5, &["join"]);
        check("inbox --l", 6, &["--limit"]);
        check("inboxgroup lab --un", 15, &["--unread"]);
        check("send bob se", 9, &[]);
        check("xyzzy --l", 6, &[]);
    }
}
