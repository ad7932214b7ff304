//! The meaning of a line: no network and no disk.

mod error;
mod history_options;
pub(crate) mod names;
mod parse;
mod table;
mod wait_options;
mod words;

pub(crate) use history_options::HistoryArguments;
pub(crate) use parse::{Command, ParseError, PasswordChange, bounded, parse};
pub(crate) use table::{COMMANDS, CommandEntry, Verb, help, nearest};
pub(crate) use wait_options::WaitOptions;
pub(crate) use words::{Input, expanded, separates, unquoted};
