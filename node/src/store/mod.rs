//! The durable state of the server: in one redb file, or in a database that several servers share.
//!
//! Writes are data: [`Store::commit`] takes a [`Change`], and returns after the fsync that makes it durable.
//! Reads are queries, each a short transaction on a snapshot. Everything that is read in order lies in a log
//! with dense sequence numbers.
//!
//! Changes and queries use no network, no clock and no randomness. Times, ids and hashes come with the change, so that
//! `apply` is a function of its arguments.

mod change;
pub(crate) mod changes;
mod embedded;
mod error;
mod free_space;
mod handle;
mod interface;
mod job;
mod notification;
#[cfg(feature = "cluster")]
mod overlay;
mod permission;
#[cfg(feature = "cluster")]
mod postgres;
pub(crate) mod queries;
mod schema;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, expect(dead_code, reason = "the fuzz targets use only a part of the tests"))]
#[expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by a panic"
)]
pub(crate) mod tests;
mod writer;

pub(crate) use change::Change;
pub use error::OpenError;
pub(crate) use error::{CommitError, StoreError};
pub(crate) use free_space::full_disk_refusal;
pub(crate) use handle::Store;
pub(crate) use interface::RowsRead;
pub(crate) use notification::Notification;
#[cfg(feature = "cluster")]
pub use postgres::PostgresError;
#[cfg(feature = "cluster")]
pub(crate) use postgres::{DatabaseAddress, Membership, Node, SharedKeys};
