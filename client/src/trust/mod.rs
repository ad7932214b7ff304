//! Which server key a client accepts.

pub(crate) mod known_servers;
mod policy;
mod verifier;

pub use crate::trust::policy::{Trust, Unknown};
pub use known_servers::{Pin, PinError, PinFile};
pub(crate) use verifier::{Rule, Verifier};
