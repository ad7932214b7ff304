//! The queries of the store, as methods of `Store`. Each reads one snapshot, which blocks nobody and ends before
//! the answer is sent.

mod accounts;
mod files;
mod groups;
mod history;
mod receipts;
mod sessions;
mod watch;

pub(crate) use crate::store::schema::session_index::{TokenHash, session_id};
#[cfg(feature = "cluster")]
pub(crate) use files::UploadStatus;
pub(crate) use files::{FileStatus, SentFile};
pub(crate) use history::HistoryQuery;
pub(crate) use sessions::SessionRow;
pub(crate) use watch::PositionedMessage;
