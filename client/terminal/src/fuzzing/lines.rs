//! Parses lines, as they are typed and as a shell hands them over.

use crate::command::{Command, CommandEntry, Input, ParseError, parse};

/// Parses the bytes as a typed line, and as arguments of a shell that zero bytes separate.
///
/// # Panics
/// A command does not match its line, or an error repeats a password.
pub fn line(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let typed = Input::line(&text);
    check(typed, parse(typed));
    let arguments: Vec<String> = text.split('\0').map(str::to_owned).collect();
    let given = Input::Arguments(&arguments);
    check(given, parse(given));
}

fn check(input: Input<'_>, parsed: Result<Command, ParseError>) {
    match parsed {
        Ok(line) => check_line(input, &line),
        Err(error) => check_error(input, &error),
    }
}

fn check_line(input: Input<'_>, line: &Command) {
    assert!(CommandEntry::named(input.first_word()).is_some(), "{line:?}");
    match line {
        Command::Send { text, .. } => {
            if let Input::Line(typed) = input {
                assert!(typed.ends_with(text.as_str()), "{text:?} of {typed:?}");
            }
        }
        Command::SendFile { files, .. } => {
            let _ = (files.whole(), files.has_pattern());
        }
        // The hint to older messages is a line that asks for the same messages.
        Command::History(history) => {
            let again = history.to_string();
            let Ok(Command::History(same)) = parse(Input::line(&again)) else { panic!("{again}") };
            assert_eq!((same.log, same.from), (history.log.clone(), history.from.clone()));
            assert_eq!(same.selection, history.selection);
        }
        Command::Background(line) => {
            assert!(matches!(**line, Command::SendFile { .. } | Command::Download { .. }));
            check_line(input, line);
        }
        _ => {}
    }
    // A line that waits for a connection must be repeatable.
    assert!(!line.can_wait() || line.is_repeatable());
}

/// A longer error is too long for a person.
const ERROR_BYTES_MAX: usize = 600;

fn check_error(input: Input<'_>, error: &ParseError) {
    let told = error.to_string();
    assert!(told.len() <= ERROR_BYTES_MAX, "{told}");
    let has_secret =
        CommandEntry::named(input.first_word()).is_some_and(CommandEntry::may_hold_password);
    if let Input::Line(typed) = input
        && has_secret
        && input.first_word() != "auth_logout"
    {
        for secret in typed.split_ascii_whitespace().skip(1).filter(|word| is_secret(word)) {
            assert!(!told.contains(secret), "{told} repeats {secret}");
        }
    }
}

/// Whether the word is not a part of every error.
fn is_secret(word: &str) -> bool {
    word.len() > 5 && word.contains(|part: char| part.is_ascii_digit())
}

#[cfg(test)]
mod tests;
