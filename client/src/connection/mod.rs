//! Reaching a server, and asking it: one request, one answer.

mod backoff;
mod call;
mod dial;
mod endpoint;
mod idempotence;
mod incoming_streams;
mod link;
mod udp_socket;

pub use backoff::Backoff;
pub(crate) use call::{ANSWER_MAX, Call};
pub(crate) use dial::{CONNECT_MAX, dial};
pub(crate) use endpoint::{Purpose, provider};
pub(crate) use link::Link;
