//! The methods of a client, one for each command of the protocol.

mod account;
mod delivery_receipts;
mod groups;
mod messages;
mod pages;
mod text_stream;
mod track;
mod users;
mod watch;

pub use messages::{HistoryAnswer, HistoryQuery};
pub(crate) use pages::read_all;
pub use text_stream::{SentText, TextStream};
pub use track::Tracking;
pub use watch::Watching;
