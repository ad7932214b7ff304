//! Sending and fetching files.

mod already_here;
mod create_folders;
mod download;
mod fetch_blocks;
mod free_space;
mod local_file;
mod missing_blocks;
mod progress;
mod upload;

pub use already_here::already_here;
pub use download::Downloaded;
pub use free_space::check_room_for;
pub use progress::{Progress, TransferEvent};
