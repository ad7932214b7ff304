//! The questions that can be asked of the store. Each is answered from one snapshot, which no other
//! waits for and which is given back before the answer leaves.

mod accounts;
mod files;
mod groups;
mod history;
mod receipts;
mod sessions;
mod watch;

pub(crate) use crate::store::queries::watch::Placed;
pub(crate) use files::Keeping;
pub(crate) use history::HistoryQuery;
pub(in crate::store) use sessions::sessions_of;
pub(crate) use sessions::{SessionRow, TokenHash, session_id};
