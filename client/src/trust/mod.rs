//! Which server key a client accepts.

mod choice;
pub(crate) mod known_servers;
mod verifier;

pub use choice::{Trust, Unknown};
pub use known_servers::{Pin, PinError, PinFile};
pub(crate) use verifier::{Rule, Verifier};
