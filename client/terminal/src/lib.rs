//! The qchat client for people and scripts: the REPL, one-shot commands, rendering, progress.
//!
//! A line is read by `line`, run by [`Executor`] on the SDK's client, and told by `render` to people or
//! by `json` to scripts. `command_table` is the one list of commands; `safe` is the one door through
//! which text from outside gets to a terminal.

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
#[expect(clippy::expect_used, reason = "a check that meets what it did not expect panics")]
pub mod fuzzing;
mod login;
mod outbox;
mod outcome;
mod output;
mod prompt;
mod script;
mod start;
mod values;

pub use crate::config::ClientArgs;
pub use crate::config::{parse_settings, setting};
pub use crate::execute::{Executor, LineStatus};
pub use crate::output::acts;
pub use crate::output::{OutputError, print, tell};
pub use crate::values::{Age, Count, Seconds, Size};
pub use exit::Exit;
pub use output::Output;
pub use prompt::prompt_text;
pub use start::run;
