//! The embedded engine: tables in one redb file.

mod database;
mod format1;
pub(in crate::store) mod open;
mod redb_error;
pub(in crate::store) mod tables;
pub(in crate::store) mod transaction;
mod writes_in_memory;

pub(in crate::store) use database::ReopeningDatabase;
pub(crate) use redb_error::RedbError;
pub(in crate::store) use tables::Snapshot;
pub(in crate::store) use transaction::write_or_reopen;
#[cfg(any(test, fuzzing))]
pub(in crate::store) use writes_in_memory::WritesInMemory;
