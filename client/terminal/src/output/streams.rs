//! Standard output and standard error, written to without a panic.
//!
//! The macros of the standard library panic if the disk behind a stream is full or its reader is gone. A test
//! forbids them in the sources.

use std::io::{self, ErrorKind, IsTerminal, Write};

/// The result of a command cannot be written to standard output.
#[derive(Debug, thiserror::Error)]
#[error("the result cannot be written")]
pub struct OutputError(#[from] io::Error);

impl OutputError {
    /// The operating system's reason.
    pub(crate) fn reason(&self) -> &io::Error {
        &self.0
    }

    /// Whether the reader is gone, because it has read enough.
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Writes one or several lines to standard output, and flushes them.
///
/// # Errors
/// [`OutputError`]: the lines cannot be written.
pub fn print(text: &str) -> Result<(), OutputError> {
    Ok(write_line(io::stdout().lock(), text)?)
}

/// Writes text to standard output without a line ending, and flushes it.
///
/// # Errors
/// [`OutputError`]: the text cannot be written.
pub(crate) fn print_part(text: &str) -> Result<(), OutputError> {
    let mut stream = io::stdout().lock();
    Ok(stream.write_all(text.as_bytes()).and_then(|()| stream.flush())?)
}

/// Writes a line to standard error. An error is ignored, because nobody could be told.
pub fn tell(text: &str) {
    let _ = write_line(io::stderr().lock(), text);
}

/// Turns the bracketed paste of the terminal off.
pub(crate) fn end_bracketed_paste() {
    let mut terminal = io::stdout();
    if terminal.is_terminal() {
        // If that fails, the terminal is gone.
        let _ = terminal.write_all(b"\x1b[?2004l").and_then(|()| terminal.flush());
    }
}

/// Writes in one call, so that lines of several processes do not mix.
fn write_line(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(format!("{text}\n").as_bytes())?;
    stream.flush()
}
