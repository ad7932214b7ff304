//! Runs commands on a connection, and again on another one if that is lost.

mod background_task;
mod connection;
mod dispatch;
mod executor;
mod file_selection;
mod options;
mod retry;
pub(crate) mod upload_ids;

pub(crate) use background_task::{TaskEnd, retry_later, spawn_command};
pub(crate) use connection::{Connection, key_change};
pub use executor::{Executor, LineStatus};
pub(crate) use file_selection::absolute_names;
pub(crate) use options::ExecOptions;
pub(crate) use retry::Persistence;
pub(crate) use upload_ids::AnsweredUploads;
