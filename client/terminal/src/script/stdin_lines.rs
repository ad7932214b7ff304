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
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &[u8], expected: &[RawLine]) {
        // A small buffer, so that lines are put together from pieces.
        let mut input = io::BufReader::with_capacity(7, input);
        for line in expected {
            assert_eq!(next_line(&mut input).unwrap().as_ref(), Some(line));
        }
        assert_eq!(next_line(&mut input).unwrap(), None);
    }

    fn text(line: &str) -> RawLine {
        RawLine::Text(line.to_owned())
    }

    #[test]
    fn lines_are_kept_byte_for_byte() {
        check(b"", &[]);
        check(
            b"ls\n\r\n\nsend bob  hi \r\nlast",
            &[text("ls\n"), text("\r\n"), text("\n"), text("send bob  hi \r\n"), text("last")],
        );
    }

    #[test]
    fn a_line_that_is_not_utf8_or_too_long_affects_no_other_line() {
        check(
            b"send \xff\nls\n",
            &[RawLine::NotUtf8 { start: "send \u{fffd}\n".to_owned() }, text("ls\n")],
        );
        let longest = "x".repeat(LINE_BYTES_MAX - 1) + "\n";
        let longer = "y".repeat(LINE_BYTES_MAX) + "\nls";
        let start = "y".repeat(LINE_BYTES_MAX);
        check(
            (longest.clone() + &longer).as_bytes(),
            &[text(&longest), RawLine::TooLong { start }, text("ls")],
        );
    }
}
