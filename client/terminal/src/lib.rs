//! The qchat client for people and scripts.
//!
//! The folders form layers. `command` parses a line, `execute` runs it on the SDK's client, and `output` shows
//! the result as text or as JSON. `prompt` and `script` get the lines from a person or from a script.
//! `command/table.rs` is the one list of commands. `output/sanitize.rs` is the one way for text from outside to
//! a terminal.

mod command;
mod config;
#[cfg(test)]
#[path = "../../../tests/corpus/mod.rs"]
mod corpus;
mod deadline;
mod error;
mod execute;
mod exit;
#[cfg(any(test, fuzzing))]
#[expect(clippy::expect_used, reason = "a check panics if an expectation fails")]
pub mod fuzzing;
mod lock;
mod login;
mod outbox;
mod outcome;
mod output;
mod prompt;
mod script;
mod start;
mod values;

pub use crate::config::{ClientArgs, parse_settings, setting};
pub use crate::execute::{Executor, LineStatus};
pub use crate::output::{OutputError, acts, print, tell};
pub use crate::values::{Age, Count, Seconds, Size};
pub use exit::Exit;
pub use output::Output;
pub use prompt::prompt_text;
pub use start::run;
