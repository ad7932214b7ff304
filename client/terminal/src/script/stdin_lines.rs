//! Lines from standard input, as they arrive, with a bound on each.

use std::io::{self, BufRead};

use tokio::sync::mpsc;

/// The longest line: enough for the longest message with its command.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// One line of input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RawLine {
    /// With its line ending, if it has one.
    Text(String),
    /// Longer than a line may be; only its start.
    TooLong { start: String },
    /// Not UTF-8; a readable form of it.
    NotUtf8 { start: String },
}

/// Reads lines in a thread of its own, one ahead: reading cannot be interrupted.
pub(crate) fn read_standard_input() -> mpsc::Receiver<io::Result<RawLine>> {
    let (lines, reading) = mpsc::channel(1);
    std::thread::spawn(move || {
        let mut input = io::stdin().lock();
        while let Some(line) = next_line(&mut input).transpose() {
            let failed = line.is_err();
            if lines.blocking_send(line).is_err() || failed {
                break;
            }
        }
    });
    reading
}

/// The next line, or `None` at the end. A line that is too long is read to its end, but not kept.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<RawLine>> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let chunk = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            chunk => chunk?,
        };
        let end = chunk.iter().position(|&byte| byte == b'\n').map(|newline| newline + 1);
        let taken = end.unwrap_or(chunk.len());
        let room = LINE_BYTES_MAX.saturating_sub(line.len());
        line.extend(chunk.iter().take(taken.min(room)));
        too_long |= taken > room;
        let ended = end.is_some() || chunk.is_empty();
        input.consume(taken);
        if ended {
            break;
        }
    }
    Ok(Some(line).filter(|line| !line.is_empty()).map(|line| raw_line(line, too_long)))
}

fn raw_line(line: Vec<u8>, too_long: bool) -> RawLine {
    let start = |line: &[u8]| String::from_utf8_lossy(line).into_owned();
    match String::from_utf8(line) {
        Ok(start) if too_long => RawLine::TooLong { start },
        Ok(text) => RawLine::Text(text),
        Err(wrong) if too_long => RawLine::TooLong { start: start(wrong.as_bytes()) },
        Err(wrong) => RawLine::NotUtf8 { start: start(wrong.as_bytes()) },
    }
}

#[cfg(test)]
mod tests;
