//! The upload folder: complete files, and partial uploads.

mod block_lists;
mod file_store;
mod folder;
mod partial_uploads;
mod upload_key;

pub(crate) use file_store::FileStore;
pub use file_store::UploadFolderError;
pub(crate) use partial_uploads::UploadGuard;
pub(crate) use upload_key::UploadKey;
