//! Connections to the database: the address, TLS, time limits, and the prepared statements.

mod address;
mod open;
mod pauses;
mod statements;

pub(crate) use address::DatabaseAddress;
pub(super) use open::{Connection, within};
pub(super) use pauses::Pauses;
