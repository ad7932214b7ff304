//! Text, JSON and bars: the one way to the screen.

mod colors;
pub(crate) mod json;
mod no_echo;
mod progress_bar;
pub(crate) mod results;
pub(crate) mod sanitize;
mod streams;
mod table;
mod terminal_modes;
mod terminal_width;
pub(crate) mod text;
mod time;
mod wrap;
mod writer;

pub(crate) use colors::Palette;
pub(crate) use no_echo::NoEcho;
pub(crate) use progress_bar::{BarMode, ProgressOptions, TransferBar};
pub use sanitize::acts;
pub(crate) use streams::print_part;
pub use streams::{OutputError, print, tell};
pub(crate) use terminal_modes::{TerminalModes, ended_by_signal, is_foreground, note_change};
pub(crate) use terminal_width::columns;
#[cfg(any(test, fuzzing))]
pub(crate) use text::RenderOptions;
pub(crate) use text::describe;
pub(crate) use wrap::fold;
#[cfg(any(test, fuzzing))]
pub(crate) use wrap::is_plain;
pub use writer::Output;
pub(crate) use writer::OutputFormat;
