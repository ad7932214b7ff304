//! The rules by which a client accepts a server's key.

mod key_status;
pub(crate) mod known_servers;
mod listed_pins;
mod policy;
mod verifier;

pub(crate) use key_status::KeyStatus;
pub use known_servers::{Pin, PinFile};
pub use policy::{Trust, Unknown};
pub(crate) use verifier::{Rule, Verifier};
