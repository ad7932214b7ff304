//! Lines without a person: from arguments, from standard input, and for bots.

pub(crate) mod listen;
mod listen_error;
mod listen_start;
pub(crate) mod run;
mod stdin_lines;

pub(crate) use listen_start::Listener;
pub(crate) use run::{AfterFailure, Lines};
