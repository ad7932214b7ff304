//! The errors of lines that cannot be parsed.
use qchat_proto::Code;

use crate::command::listen;
use crate::command::names::NameArgumentError;
use crate::command::table::{CommandEntry, nearest};
use crate::command::words::{bounded, is_odd_space};
use crate::error::CommandError;

/// The reason why a line cannot be parsed. The text is for its writer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParseError {
    #[error("unknown command: {word}{}{}", lookalike(word), suggestion(*near))]
    Unknown { word: String, near: Option<&'static str> },
    #[error(
        "listen is a command of its own, for bots: qchat client --user NAME listen; the prompt shows \
         messages by itself"
    )]
    Listen,
    #[error("unknown option: {0}; qchat client --help lists them")]
    UnknownOption(String),
    #[error("{}usage: {form}", reason(why))]
    Usage { form: String, why: String },
    #[error(transparent)]
    Name(#[from] NameArgumentError),
}

fn suggestion(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean {near}?")).unwrap_or_default()
}

fn lookalike(word: &str) -> &'static str {
    if word.contains("<U+") { "; type a plain space instead" } else { "" }
}

fn reason(why: &str) -> String {
    if why.is_empty() { String::new() } else { format!("{why}; ") }
}

impl ParseError {
    /// The code, for scripts.
    pub(crate) fn code(&self) -> Code {
        match self {
            Self::Unknown { .. } | Self::UnknownOption(_) | Self::Listen => Code::UnknownCommand,
            Self::Usage { .. } => Code::Usage,
            Self::Name(_) => Code::InvalidName,
        }
    }

    /// The line does not have the form of its command. `why` may be empty.
    pub(crate) fn usage(entry: &CommandEntry, why: &str) -> Self {
        Self::Usage { form: entry.form(), why: why.to_owned() }
    }

    pub(crate) fn unknown(word: &str) -> Self {
        if word.eq_ignore_ascii_case(listen::NAME) {
            return Self::Listen;
        }
        // A pasted command may be followed by a space that does not separate words.
        let meant = word.split(is_odd_space).next().unwrap_or_default();
        Self::Unknown { word: bounded(word), near: nearest(meant) }
    }
}

impl From<ParseError> for CommandError {
    fn from(error: ParseError) -> Self {
        Self::refused(error.code(), error.to_string())
    }
}

/// The options of the program, which people often write after the command.
const PROGRAM_OPTIONS: [&str; 11] = [
    "-c",
    "--json",
    "--user",
    "--server",
    "--bail",
    "--timeout",
    "--fingerprint",
    "--ca",
    "--accept-new",
    "--password-file",
    "--config",
];

/// The text about a word that is not allowed here.
pub(crate) fn unexpected(word: &str) -> String {
    let option = word.split('=').next().unwrap_or_default();
    if PROGRAM_OPTIONS.contains(&option) {
        format!("{option} goes before the command")
    } else {
        format!("unexpected: {}", bounded(word))
    }
}
