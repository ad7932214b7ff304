//! The rows of the database: keys and records.

#[cfg(feature = "cluster")]
pub(super) mod entity;
pub(super) mod keys;
pub(super) mod logs;
pub(super) mod places;
pub(super) mod range_set;
pub(super) mod records;
pub(super) mod rows;
pub(super) mod session_index;
