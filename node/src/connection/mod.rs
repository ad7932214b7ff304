//! One connection: a session, and a task for each of its streams.

mod context;
mod dispatch;
mod read_request;
pub(crate) mod serve;
mod violations;

pub(crate) use context::CommandContext;
pub(crate) use dispatch::{Handler, Scheduling};
pub(crate) use read_request::RequestError;
