//! The upload folder: the files that people sent, and those that are not complete yet.

mod block_lists;
mod file_store;
mod folder;
mod partial_uploads;

pub(crate) use file_store::FileStore;
pub use file_store::UploadFolderError;
pub(crate) use partial_uploads::{PartKey, UploadTurn};
