//! The uploaded files, and the partial uploads.
//!
//! `FileStore` is what commands see. `storage.rs` has what each kind of storage does; `folder/` is a folder of this
//! machine.

mod file_store;
mod folder;
mod partial_uploads;
mod storage;
mod upload_key;

pub(crate) use file_store::FileStore;
pub(crate) use folder::UploadFolder;
pub use folder::UploadFolderError;
pub(crate) use partial_uploads::UploadGuard;
pub(crate) use storage::{FileSource, OpenFile, OpenUpload, Posted, Storage};
pub(crate) use upload_key::UploadKey;
