//! The places that files can lie in, behind one interface.
//!
//! An upload is opened by its key and tells which blocks it has. Blocks are appended or replaced. A finished file is
//! durable, and no message refers to it yet. After the transaction of its message, the outcome settles what stays.

use std::io;
use std::ops::ControlFlow;
use std::time::SystemTime;

use qchat_proto::{BlockHash, File, FileName, Refusal, StoredName, Timestamp};
use qchat_transfer::{
    BlockBuffer, BlockFile, BlockSink, BlockSource, BufferPool, HashedBlock, Layout, PartialFile,
};
use tokio::task::JoinHandle;

use std::sync::Arc;

use crate::error::{CommandError, CommandResult};
use crate::files::folder::UploadFolder;
use crate::files::upload_key::UploadKey;
use crate::fs::blocking;

/// The place of the files. Clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A folder of this machine.
    Folder(UploadFolder),
}

/// An upload that one transfer uses.
#[derive(Debug)]
pub(crate) enum OpenUpload {
    /// A partial file.
    Folder(PartialFile),
}

/// A stored file that is open for reading.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) source: FileSource,
    /// The hashes of its blocks, verified by the digest of the file.
    pub(crate) hashes: Vec<BlockHash>,
}

/// The blocks of a stored file.
#[derive(Debug)]
pub(crate) enum FileSource {
    /// A file in the folder.
    Folder(Arc<BlockFile>),
}

/// The outcome of the transaction with the message of a finished file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Posted {
    /// The message of this file was stored.
    Sent,
    /// An earlier attempt had stored the message, with a file of its own.
    SentEarlier,
    /// There will be no message.
    Refused,
    /// There is no message, and the upload may try again.
    Failed,
    /// The message may have been stored.
    Unknown,
}

impl Storage {
    /// The bytes of an upload that lie here, and the time of the last write; `None` if there are none.
    pub(crate) fn present(&self, key: &UploadKey) -> Option<(u64, SystemTime)> {
        match self {
            Self::Folder(folder) => folder.partial_length(key),
        }
    }

    /// Removes all bytes of an upload that has no message.
    pub(crate) async fn remove_upload(&self, key: &UploadKey) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove_partial(key).await,
        }
    }

    /// The free bytes.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        match self {
            Self::Folder(folder) => folder.free_bytes(),
        }
    }

    /// Opens an upload, and returns the number of its whole blocks. `guard` is kept until no thread uses the upload.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if a thread of an earlier transfer still writes its last block.
    pub(crate) async fn open_upload(
        &self,
        key: &UploadKey,
        layout: Layout,
        guard: impl Send + 'static,
    ) -> CommandResult<(OpenUpload, u64)> {
        match self {
            Self::Folder(folder) => {
                let opened = folder.open_partial(key, layout, guard).await;
                let (partial, kept) = opened.map_err(CommandError::failed)?.ok_or(Refusal::Busy)?;
                Ok((OpenUpload::Folder(partial), kept))
            }
        }
    }

    /// Gives a complete upload its stored name and its block list. File, name and list are durable when this returns.
    pub(crate) async fn finish(
        &self,
        upload: OpenUpload,
        hashes: Vec<BlockHash>,
        (at, original): (Timestamp, &FileName),
    ) -> CommandResult<(OpenUpload, StoredName)> {
        match (self, upload) {
            (Self::Folder(folder), OpenUpload::Folder(partial)) => {
                let finished = folder.finish(partial, hashes, (at, original)).await;
                let (partial, name) = finished.map_err(CommandError::failed)?;
                Ok((OpenUpload::Folder(partial), name))
            }
        }
    }

    /// Keeps or removes a finished file, and the upload that it came from.
    pub(crate) async fn settle(&self, upload: OpenUpload, name: &StoredName, posted: Posted) {
        match (self, upload) {
            (Self::Folder(folder), OpenUpload::Folder(partial)) => {
                // A commit that failed may be durable all the same.
                if !matches!(posted, Posted::Sent | Posted::Unknown) {
                    folder.remove(name).await;
                }
                // A later attempt may need the partial file.
                if !matches!(posted, Posted::Failed | Posted::Unknown) {
                    remove_partial(partial).await;
                }
            }
        }
    }

    /// Opens a stored file for a download.
    ///
    /// # Errors
    /// [`CommandError::Failed`] if the file cannot be read or is damaged.
    pub(crate) async fn open_file(&self, file: &File) -> CommandResult<OpenFile> {
        match self {
            Self::Folder(folder) => {
                let (stored, hashes) = folder.open_file(file).await?;
                Ok(OpenFile { source: FileSource::Folder(stored), hashes })
            }
        }
    }
}

impl OpenUpload {
    /// Passes the hash of each block that is there to `each`, until `each` breaks. Blocks the thread.
    ///
    /// # Errors
    /// An error of the storage.
    pub(crate) fn hash_kept(
        &self,
        layout: Layout,
        kept: u64,
        each: impl FnMut(u64, BlockHash) -> ControlFlow<()>,
    ) -> io::Result<()> {
        match self {
            Self::Folder(partial) => partial.hash_blocks(layout, 0..kept, each),
        }
    }

    /// Removes the bytes of an upload whose content is wrong.
    pub(crate) async fn discard(self) {
        match self {
            Self::Folder(partial) => remove_partial(partial).await,
        }
    }
}

/// Removes a partial file that no upload needs. If that fails, the cleanup task removes it later.
async fn remove_partial(partial: PartialFile) {
    if let Err(error) = blocking(move || partial.remove()).await {
        tracing::debug!(%error, "a partial file was not removed");
    }
}

impl BlockSink for OpenUpload {
    fn write_block(
        &self,
        layout: Layout,
        index: u64,
        block: BlockBuffer,
    ) -> JoinHandle<io::Result<BlockHash>> {
        match self {
            Self::Folder(partial) => partial.write_block(layout, index, block),
        }
    }
}

impl FileSource {
    /// Keeps `guard` until no thread reads the file.
    pub(crate) fn keep_guard(&self, guard: impl Send + 'static) {
        match self {
            Self::Folder(stored) => stored.keep_guard(guard),
        }
    }
}

impl BlockSource for FileSource {
    fn read_block(
        &self,
        layout: Layout,
        index: u64,
        buffers: &BufferPool,
    ) -> JoinHandle<io::Result<HashedBlock>> {
        match self {
            Self::Folder(stored) => stored.read_block(layout, index, buffers),
        }
    }
}
