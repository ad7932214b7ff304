//! The rows of an engine that is far away, as far as they were read, below the writes of a batch of changes.
//!
//! The overlay knows no engine. Changes and queries run on it; it notes the rows that they need and that it does
//! not know, its owner reads them in one round trip, and runs the change or the query again.

mod known_ranges;
mod missing;
mod row_overlay;
mod table_rows;

pub(in crate::store) use missing::MissingRows;
pub(in crate::store) use row_overlay::RowOverlay;
pub(in crate::store) use table_rows::{BlindWrites, RowWrites};
