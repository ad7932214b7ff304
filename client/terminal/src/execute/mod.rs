//! Doing a command on a connection, and again on another one if that is lost.

mod connection;
mod deadline;
mod executor;
mod file_selection;
mod perform;
mod retry;
pub(crate) mod upload_ids;

pub(crate) use connection::{Connection, key_change};
pub(crate) use deadline::Deadline;
pub use executor::{Executor, LineStatus};
pub(crate) use file_selection::{FileArguments, RenamedFile, SkippedEntry};
pub(crate) use perform::{ExecOptions, dispatch};
pub(crate) use retry::Persistence;
pub(crate) use upload_ids::AnsweredUploads;
