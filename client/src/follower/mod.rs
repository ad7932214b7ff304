//! Messages handed to a bot once, in order, through lost connections.

mod acknowledgements;
pub(crate) mod cursor_file;
mod handle;
mod positions;
mod task;

pub use cursor_file::{CursorFile, CursorFileError};
pub use handle::{Beginning, Cursors, FollowError, Follower, Reconnect};
