//! Start, stop, keys and logs.

mod certificate_expiry;
mod closed_terminal;
pub(crate) mod identity;
mod key_rotation;
mod lifecycle;
mod logs;
mod old_store;
mod reload;
pub(crate) mod start;
mod tls;
