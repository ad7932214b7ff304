//! The uploaded files, and the partial uploads.
//!
//! `FileStore` is what commands see. `storage.rs` has what each kind of storage does: `folder/` is a folder of this
//! machine, `objects/` a store of objects that several servers share.

mod file_store;
mod folder;
#[cfg(feature = "cluster")]
mod objects;
mod partial_uploads;
mod posted;
mod storage;
mod upload_key;

pub(crate) use file_store::FileStore;
pub(crate) use folder::UploadFolder;
pub use folder::UploadFolderError;
#[cfg(feature = "cluster")]
pub use objects::{FilesAddress, FilesAddressError, OpenFilesError};
#[cfg(feature = "cluster")]
pub(crate) use objects::{FoundUpload, ObjectStorage};
pub(crate) use partial_uploads::UploadGuard;
#[cfg(feature = "cluster")]
pub(crate) use partial_uploads::UploadMessages;
pub(crate) use posted::Posted;
pub(crate) use storage::{FileSource, OpenFile, OpenUpload, Storage};
pub(crate) use upload_key::UploadKey;
