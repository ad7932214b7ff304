//! The engine of several servers: PostgreSQL, or a database that speaks its protocol.
//!
//! Each server batches its own changes, and keeps one transaction in flight. The entities of a batch are locked before
//! they are read, so that servers do not meet each other's half-made changes.

mod attempt;
mod batch;
mod commit;
mod connection;
mod database;
mod driver;
mod engine;
mod error;
mod fetch;
mod locks;
mod pool;
#[cfg(test)]
pub(in crate::store) mod tests;
mod writer_row;

pub(crate) use connection::DatabaseAddress;
pub(crate) use database::SharedKeys;
pub(crate) use engine::Membership;
pub use error::PostgresError;
pub(crate) use error::StatementError;
pub(in crate::store) use pool::Pool;
pub(crate) use writer_row::Node;
