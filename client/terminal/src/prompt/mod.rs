//! The interactive prompt.

mod background_transfers;
mod editor;
mod editor_hooks;
mod live;
mod notices;
pub(crate) mod repl;
mod text;

pub(crate) use background_transfers::{Direction, Row, State};
pub(crate) use notices::{Batch, Heard, News, Sent};
pub(crate) use text::{LinkState, prompt};
