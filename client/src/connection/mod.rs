//! Reaching a server, and asking it: one stream for each request and its answer.

mod backoff;
mod call;
mod closed_port;
mod dial;
mod drain;
mod endpoint;
mod handle;
mod incoming_streams;
mod next_key;
mod race;
mod route;
mod udp_socket;

pub use backoff::Backoff;
pub(crate) use call::{ANSWER_MAX, Call};
pub(crate) use dial::{CONNECT_MAX, Dial, all_begun_after};
pub(crate) use endpoint::{Purpose, provider};
pub(crate) use handle::Connection;
pub(crate) use next_key::Announcements;
pub(crate) use route::Preference;
pub use route::Route;
