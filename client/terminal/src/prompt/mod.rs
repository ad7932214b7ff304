//! The interactive prompt.

mod background_transfers;
mod completion;
mod editor;
mod editor_hooks;
mod live;
mod notices;
pub(crate) mod repl;
mod text;

pub use text::prompt_text;
