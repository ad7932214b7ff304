//! A message or a file from standard input, for a line whose MESSAGE or FILE is `-`.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use qchat_proto::Code;
use qchat_proto::limits::{FILE_BYTES_MAX, MESSAGE_BYTES_MAX};
use tempfile::TempDir;
use tokio::task::spawn_blocking;

use super::{Executor, StandardInput};
use crate::command::{Command, FileArguments};
use crate::error::{CommandError, CommandResult};
use crate::outcome::Outcome;

/// The name of a file from standard input.
const FILE_NAME: &str = "stdin";

impl Executor {
    /// Runs a command with the content of standard input. Reading has no time limit, because only the writer
    /// knows how long it takes.
    pub(super) async fn run_from_stdin(&mut self, command: Command) -> CommandResult<Outcome> {
        if self.standard_input == StandardInput::HoldsLines {
            let text =
                "standard input holds the lines themselves; after -- a dash is taken as it is";
            return Err(CommandError::refused(Code::Usage, text));
        }
        match command {
            Command::Send { to, wait, .. } => {
                let text = read(message).await?;
                self.run_and_wait(&Command::Send { to, text, wait }).await
            }
            Command::SendFile { to, wait, .. } => {
                let spool = Spool::make()?;
                let path = spool.file.clone();
                read(move || fill(&path)).await?;
                let files =
                    FileArguments::Arguments(vec![spool.file.to_string_lossy().into_owned()]);
                self.run_and_wait(&Command::SendFile { to, files, wait }).await
            }
            command => self.run_and_wait(&command).await,
        }
    }
}

/// Reads in a thread of its own, because a read cannot be interrupted.
async fn read<T: Send + 'static>(
    reading: impl FnOnce() -> CommandResult<T> + Send + 'static,
) -> CommandResult<T> {
    let read = spawn_blocking(reading).await;
    read.unwrap_or_else(|panic| Err(CommandError::refused(Code::Internal, panic.to_string())))
}

/// Reads a text, without its last line ending: the message of a line has none.
fn message() -> CommandResult<String> {
    let mut bytes = Vec::new();
    // One byte more than a message with its line ending shows that the text is too long.
    let limit = u64::try_from(MESSAGE_BYTES_MAX + "\r\n".len() + 1).unwrap_or(u64::MAX);
    io::stdin().lock().take(limit).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    without_line_ending(bytes)
}

fn without_line_ending(bytes: Vec<u8>) -> CommandResult<String> {
    // The limit may cut a character. The text is too long then in any case.
    let is_long = bytes.len() > MESSAGE_BYTES_MAX + "\r\n".len();
    let mut text = match String::from_utf8(bytes) {
        Ok(text) => text,
        Err(wrong) if is_long => String::from_utf8_lossy(wrong.as_bytes()).into_owned(),
        Err(_) => return Err(CommandError::refused(Code::Usage, "standard input is not UTF-8")),
    };
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}

/// A temporary folder for a file whose size is known only at its end.
struct Spool {
    _folder: TempDir,
    file: PathBuf,
}

impl Spool {
    fn make() -> CommandResult<Self> {
        let folder = tempfile::Builder::new().prefix("qchat-").tempdir();
        let folder = folder.map_err(|error| {
            let text = format!("no folder for a copy of standard input can be made: {error}");
            CommandError::refused(Code::LocalFile, text)
        })?;
        let file = folder.path().join(FILE_NAME);
        Ok(Self { _folder: folder, file })
    }
}

/// Copies standard input to its end, up to the largest size that a server takes.
fn fill(path: &Path) -> CommandResult<()> {
    let refused = |why: String| CommandError::refused(Code::LocalFile, why);
    let uncopied = |error: &io::Error| {
        refused(format!("standard input cannot be copied to {}: {error}", path.display()))
    };
    let mut file = create(path).map_err(|error| uncopied(&error))?;
    let mut input = io::stdin().lock().take(FILE_BYTES_MAX + 1);
    match io::copy(&mut input, &mut file) {
        Ok(bytes) if bytes > FILE_BYTES_MAX => {
            let text = format!("standard input is longer than {FILE_BYTES_MAX} bytes");
            Err(CommandError::refused(Code::TooLarge, text))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(uncopied(&error)),
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}

fn unreadable(error: &io::Error) -> CommandError {
    CommandError::refused(Code::LocalFile, format!("standard input cannot be read: {error}"))
}

#[cfg(test)]
mod tests;
