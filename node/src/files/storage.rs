//! The places that files can lie in, behind one interface.
//!
//! An upload is opened by its key and tells which blocks it has. Blocks are appended or replaced. A finished file is
//! durable, and no message refers to it yet. After the transaction of its message, the outcome settles what stays.

use std::io;
use std::ops::ControlFlow;
#[cfg(feature = "cluster")]
use std::time::Duration;
use std::time::SystemTime;

use qchat_proto::{BlockHash, File, FileName, Refusal, StoredName, Timestamp};
use qchat_transfer::{
    BlockBuffer, BlockFile, BlockSink, BlockSource, BufferPool, HashedBlock, Layout, PartialFile,
};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};

use std::sync::Arc;

use crate::error::{CommandError, CommandResult};
use crate::files::folder::UploadFolder;
#[cfg(feature = "cluster")]
use crate::files::objects::{ObjectFile, ObjectStorage, ObjectUpload};
use crate::files::posted::Posted;
use crate::files::upload_key::UploadKey;
use crate::fs::blocking;
use crate::store::changes::Naming;

/// The number of hashes in one report: those of 64 MiB, so that the client gets them while the rest is read.
const HASHES_PER_REPORT: usize = 64;

/// How long nobody may have written to an upload before it gives way to another one of its sender. The transaction of
/// its message must have ended by then, at any server.
#[cfg(feature = "cluster")]
const REST_MIN: Duration = Duration::from_secs(2 * 60);

/// The place of the files. Clones share it.
#[derive(Debug, Clone)]
pub(crate) enum Storage {
    /// A folder of this machine.
    Folder(UploadFolder),
    /// A store of objects.
    #[cfg(feature = "cluster")]
    Objects(ObjectStorage),
}

/// An upload that one transfer uses.
#[derive(Debug)]
pub(crate) enum OpenUpload {
    /// A partial file.
    Folder(PartialFile),
    /// Objects below the key of the upload.
    #[cfg(feature = "cluster")]
    Objects(ObjectUpload),
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
    /// Objects.
    #[cfg(feature = "cluster")]
    Objects(ObjectFile),
}

impl Storage {
    /// The origin of the stored names: a folder has names of its own.
    pub(crate) fn naming(&self) -> Naming {
        match self {
            Self::Folder(_) => Naming::Given,
            #[cfg(feature = "cluster")]
            Self::Objects(_) => Naming::NextFree,
        }
    }

    /// The bytes of an upload that lie here, and the time of the last write; `None` if there are none.
    pub(crate) fn present(&self, key: &UploadKey) -> Option<(u64, SystemTime)> {
        match self {
            Self::Folder(folder) => folder.partial_length(key),
            #[cfg(feature = "cluster")]
            Self::Objects(objects) => objects.present(key),
        }
    }

    /// Removes all bytes of a resting upload. `has_message` asks the store for the message of the upload.
    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "for objects"))]
    pub(crate) async fn remove_upload(
        &self,
        key: &UploadKey,
        has_message: impl AsyncFnOnce() -> io::Result<bool>,
    ) -> io::Result<()> {
        match self {
            // No other server knows this folder, and a partial file is no stored file.
            Self::Folder(folder) => folder.remove_partial(key).await,
            #[cfg(feature = "cluster")]
            Self::Objects(objects) => objects.remove_resting(key, REST_MIN, has_message).await,
        }
    }

    /// Removes what is left of an upload that has its message, but not the file.
    pub(crate) async fn remove_leftover(&self, key: &UploadKey) -> io::Result<()> {
        match self {
            Self::Folder(folder) => folder.remove_partial(key).await,
            #[cfg(feature = "cluster")]
            Self::Objects(objects) => {
                objects.forget(key);
                Ok(())
            }
        }
    }

    /// The free bytes. A store of objects does not tell, and refuses what it cannot take.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        match self {
            Self::Folder(folder) => folder.free_bytes(),
            #[cfg(feature = "cluster")]
            Self::Objects(_) => Ok(u64::MAX),
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
            #[cfg(feature = "cluster")]
            Self::Objects(objects) => {
                let (upload, kept) = objects.open_upload(key, layout, guard).await?;
                Ok((OpenUpload::Objects(upload), kept))
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
            #[cfg(feature = "cluster")]
            (Self::Objects(objects), OpenUpload::Objects(upload)) => {
                let name = objects.finish(&upload, &hashes, (at, original)).await?;
                Ok((OpenUpload::Objects(upload), name))
            }
            #[cfg(feature = "cluster")]
            _ => Err(Refusal::TransferFailed.into()),
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
            #[cfg(feature = "cluster")]
            (Self::Objects(objects), OpenUpload::Objects(upload)) => {
                objects.settle(upload, posted).await;
            }
            #[cfg(feature = "cluster")]
            _ => {}
        }
    }

    /// Opens a stored file for a download.
    ///
    /// # Errors
    /// [`CommandError::Failed`] if the file cannot be read or is damaged.
    #[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "for objects"))]
    pub(crate) async fn open_file(&self, file: &File, key: &UploadKey) -> CommandResult<OpenFile> {
        match self {
            Self::Folder(folder) => {
                let (stored, hashes) = folder.open_file(file).await?;
                Ok(OpenFile { source: FileSource::Folder(stored), hashes })
            }
            #[cfg(feature = "cluster")]
            Self::Objects(objects) => {
                let (stored, hashes) = objects.open_file(file, key).await?;
                Ok(OpenFile { source: FileSource::Objects(stored), hashes })
            }
        }
    }
}

impl OpenUpload {
    /// Begins to pass on the hashes of the first `kept` blocks, in order, until the receiver is gone.
    pub(crate) fn report(
        self,
        layout: Layout,
        kept: u64,
        hashes: mpsc::Sender<Vec<BlockHash>>,
    ) -> JoinHandle<io::Result<Self>> {
        match self {
            Self::Folder(partial) => spawn_blocking(move || {
                let mut batch = Vec::new();
                let read = partial.hash_blocks(layout, 0..kept, |index, hash| {
                    batch.push(hash);
                    let is_full =
                        batch.len() == HASHES_PER_REPORT || index.saturating_add(1) == kept;
                    match !is_full || hashes.blocking_send(std::mem::take(&mut batch)).is_ok() {
                        true => ControlFlow::Continue(()),
                        false => ControlFlow::Break(()),
                    }
                });
                read.map(|()| Self::Folder(partial))
            }),
            #[cfg(feature = "cluster")]
            Self::Objects(upload) => tokio::spawn(async move {
                upload.report(&hashes).await?;
                Ok(Self::Objects(upload))
            }),
        }
    }

    /// Keeps the blocks that came before a cut, for a later attempt.
    pub(crate) async fn keep(self) {
        match self {
            // They are written already.
            Self::Folder(_) => {}
            #[cfg(feature = "cluster")]
            Self::Objects(upload) => {
                if let Err(error) = upload.flush().await {
                    tracing::debug!(%error, "the last blocks of an upload are lost");
                }
            }
        }
    }

    /// Removes the bytes of an upload whose content is wrong.
    pub(crate) async fn discard(self) {
        match self {
            Self::Folder(partial) => remove_partial(partial).await,
            // The next attempt replaces the blocks that its file does not have. Another attempt may have finished
            // a file with the same key, at another server.
            #[cfg(feature = "cluster")]
            Self::Objects(_) => {}
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
            #[cfg(feature = "cluster")]
            Self::Objects(upload) => upload.write_block(layout, index, block),
        }
    }
}

impl FileSource {
    /// Keeps `guard` until no thread reads the file.
    pub(crate) fn keep_guard(&self, guard: impl Send + 'static) {
        match self {
            Self::Folder(stored) => stored.keep_guard(guard),
            #[cfg(feature = "cluster")]
            Self::Objects(stored) => stored.keep_guard(guard),
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
            #[cfg(feature = "cluster")]
            Self::Objects(stored) => stored.read_block(layout, index, buffers),
        }
    }
}
