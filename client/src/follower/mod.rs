//! Messages returned to a bot once, in order, through lost connections.

mod acknowledgements;
pub(crate) mod cursor_file;
mod error;
mod handle;
mod log_positions;
mod options;
mod task;

pub use cursor_file::{CursorFile, CursorFileError};
pub use error::FollowError;
pub use handle::Follower;
pub use options::{Beginning, Cursors, Reconnect};
