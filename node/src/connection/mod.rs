//! One connection: a session, and a task for each of its streams.

mod dispatch;
mod read_request;
pub(crate) mod serve;
mod violations;

pub(crate) use dispatch::{CommandContext, Handler, Scheduling};
pub(crate) use read_request::RequestError;
