//! Lines that wait for a connection, and are sent in their order.

mod file;
mod queue;
mod sender;

#[cfg(any(test, fuzzing))]
pub(crate) use file::{Waiting, understand};
pub(crate) use sender::Delivery;
