//! Runs commands on a connection, and again on another one if that is lost.

mod background_task;
mod dispatch;
mod executor;
mod file_selection;
mod key_notice;
mod options;
mod retry;
pub(crate) mod upload_ids;

pub(crate) use background_task::{TaskEnd, retry_later, spawn_command};
pub use executor::{Executor, LineStatus};
pub(crate) use file_selection::absolute_names;
pub(crate) use key_notice::key_change;
pub(crate) use options::ExecOptions;
pub(crate) use retry::LineRetry;
pub(crate) use upload_ids::AnsweredUploads;
