//! Files in a store of objects, such as S3, which several servers share.
//!
//! `docs/decisions/032-files-in-objects.md` has the layout: an upload is a few objects below its key, also while it is
//! unfinished, so that any server can go on with it. Nothing is renamed or copied when it is complete: the row of its
//! message is the commit point.

mod address;
mod bucket;
mod cell;
mod cell_writer;
mod keys;
mod object_file;
mod object_storage;
mod object_upload;
mod open;
mod uploads_here;

pub use address::{FilesAddress, FilesAddressError};
pub(crate) use object_file::ObjectFile;
pub(crate) use object_storage::{FoundUpload, ObjectStorage};
pub(crate) use object_upload::ObjectUpload;
pub use open::OpenFilesError;
pub(crate) use open::open;
