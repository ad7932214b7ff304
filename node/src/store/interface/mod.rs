//! The interface between the logic of the store and an engine: tables of ordered bytes.

mod access;
mod needs;
mod range;
mod rows_read;
mod table;
mod writer_number;

pub(crate) use access::{Read, Row, Stop, Write};
pub(crate) use needs::Needs;
pub(in crate::store) use range::Range;
pub(in crate::store) use rows_read::Counted;
pub(crate) use rows_read::RowsRead;
pub(in crate::store) use table::Table;
pub(in crate::store) use writer_number::WriterNumber;
