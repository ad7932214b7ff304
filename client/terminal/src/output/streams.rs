//! Standard output and standard error, written to without a panic.
//!
//! The macros of the standard library panic if the disk behind a stream is full or its reader has gone.
//! A test keeps them out of the sources.

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

    /// Whether the reader has gone, because it has seen enough.
    pub fn is_reader_gone(&self) -> bool {
        self.0.kind() == ErrorKind::BrokenPipe
    }
}

/// Writes a line, or several, to standard output. It is flushed when this returns.
///
/// # Errors
/// [`OutputError`]: nobody has read the line.
pub fn print(text: &str) -> Result<(), OutputError> {
    Ok(write_line(io::stdout().lock(), text)?)
}

/// Writes text to standard output, without a line end of its own. It is flushed when this returns.
///
/// # Errors
/// [`OutputError`]: nobody has read the text.
pub(crate) fn print_part(text: &str) -> Result<(), OutputError> {
    let mut stream = io::stdout().lock();
    Ok(stream.write_all(text.as_bytes()).and_then(|()| stream.flush())?)
}

/// Writes a line to standard error. If that fails, nobody can be told.
pub fn tell(text: &str) {
    let _ = write_line(io::stderr().lock(), text);
}

/// Has the terminal hand pastes over as if they were typed again.
pub(crate) fn end_bracketed_paste() {
    let mut terminal = io::stdout();
    if terminal.is_terminal() {
        // If that fails, the terminal has gone.
        let _ = terminal.write_all(b"\x1b[?2004l").and_then(|()| terminal.flush());
    }
}

/// In one call, so that lines of several processes do not mix.
fn write_line(mut stream: impl Write, text: &str) -> io::Result<()> {
    stream.write_all(format!("{text}\n").as_bytes())?;
    stream.flush()
}
