//! Parsing: the command that a line means. No network and no disk.

mod commands;
mod error;
mod file_arguments;
mod history_options;
pub(crate) mod listen;
pub(crate) mod names;
mod parse;
mod table;
mod wait_options;
mod words;

pub(crate) use commands::{Command, PasswordChange};
pub(crate) use error::ParseError;
pub(crate) use file_arguments::{FileArguments, FileWord};
pub(crate) use history_options::HistoryArguments;
pub(crate) use parse::parse;
pub(crate) use table::{COMMANDS, CommandEntry, Verb, help, nearest};
pub(crate) use wait_options::{WaitOptions, stage_name};
pub(crate) use words::{Input, bounded};
