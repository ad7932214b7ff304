//! The interactive prompt.

mod background_transfers;
mod editor;
mod editor_hooks;
mod live;
mod notices;
pub(crate) mod repl;
mod text;

pub(crate) use background_transfers::{TransferDirection, TransferRow, TransferState};
pub(crate) use notices::{LateResult, Notice, NoticeBatch, ReceivedMessage};
pub(crate) use text::{ConnectionState, prompt};
