//! The upload folder: complete files, and partial uploads.

mod block_lists;
mod file_store;
mod folder;
mod partial_uploads;

pub(crate) use file_store::FileStore;
pub use file_store::UploadFolderError;
pub(crate) use partial_uploads::{UploadGuard, UploadKey};
