//! The qchat client for people and scripts: the REPL, one-shot commands, rendering, progress.
//!
//! A line is read by `line`, run by [`Shell`] on the SDK's client, and told by `render` to people or
//! by `json` to scripts. `command_table` is the one list of commands; `safe` is the one door through
//! which text from outside gets to a terminal.

mod answer;
mod attendant;
mod board;
mod columns;
mod command;
mod config;
#[cfg(test)]
#[path = "../../../tests/corpus/mod.rs"]
mod corpus;
mod echo;
mod execute;
mod exit;
mod failure;
#[cfg(any(test, fuzzing))]
#[expect(clippy::expect_used, reason = "a check that meets what it did not expect panics")]
pub mod fuzzing;
mod json;
mod live;
mod login;
mod meter;
mod outbox;
mod output;
mod palette;
mod progress;
mod prompt;
mod render;
mod repl;
mod safe;
mod script;
mod start;
mod streams;
mod terminal_modes;
mod transfers;
mod typed_lines;
mod wrap;

pub use crate::config::ClientArgs;
pub use crate::config::{Age, Count, Seconds, Size};
pub use crate::config::{parse_settings, setting};
pub use crate::execute::{Outcome, Shell};
pub use exit::Exit;
pub use output::Output;
pub use safe::acts;
pub use start::run;
pub use streams::{OutputError, print, tell};
