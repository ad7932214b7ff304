//! The rows of the database: keys, records, tables, and the count of the rows that were read.

pub(super) mod keys;
pub(super) mod range_set;
pub(super) mod records;
pub(super) mod rows_read;
pub(super) mod session_index;
pub(super) mod tables;
