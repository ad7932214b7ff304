//! A transfer in the background, as the list of transfers shows it.

use crate::outcome::progress_meter::Reading;

/// One row of the list.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TransferRow {
    pub(crate) number: u32,
    pub(crate) direction: TransferDirection,
    /// The name of the file. It may hold text of somebody else.
    pub(crate) name: String,
    pub(crate) state: TransferState,
}

/// The direction, as this client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransferDirection {
    Send,
    Fetch,
}

/// How far the transfer is.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum TransferState {
    /// For a free slot, or for the connection.
    Waits(Reading),
    Moves(Reading),
    /// The result, in a few words.
    Ended(String),
}
