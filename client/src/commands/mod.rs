//! The calls of a client, each with its command of the wire.

mod account;
mod delivery_receipts;
mod history;
mod lists;
mod next_key;
mod text_stream;
mod track;
mod watch;

pub use history::{HistoryAnswer, HistoryQuery};
pub(crate) use history::{history, mark_places, mark_read, oldest_unread};
pub(crate) use lists::{files_below, groups, members, users};
pub(crate) use next_key::Announcements;
pub use text_stream::{SentText, TextStream};
pub use track::Tracking;
pub use watch::Watching;
