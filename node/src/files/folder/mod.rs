//! Files in a folder of this machine: complete files, partial files, and the block lists in the data folder.

mod block_lists;
mod names;
mod upload_folder;

pub(crate) use upload_folder::UploadFolder;
pub use upload_folder::UploadFolderError;
