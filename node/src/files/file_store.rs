//! The folder of uploaded files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_proto::{BlockHash, FileName, Refusal, StoredName, Timestamp, UserName};
use qchat_transfer::{BlockFile, DiskPriority, FinishError, Layout, PartialFile};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::{CommandError, CommandResult};
use crate::files::block_lists::BlockLists;
use crate::files::folder::{is_bound, stored_names};
use crate::files::partial_uploads::{PartialUploads, UploadGuard};
use crate::fs::{PRIVATE_FILE_MODE, blocking};
use crate::limits::{ConcurrencyLimit, Permit};

/// The most concurrent transfers in both directions. Each holds a few blocks of 1 MiB in memory, and as many
/// threads that wait for the disk.
const TRANSFERS_MAX: usize = 64;

/// The most concurrent transfers of one account: a quarter of all. A prompt has at most four transfers.
const TRANSFERS_OF_ACCOUNT_MAX: u32 = 16;

/// The number of later milliseconds that are tried if the stored name exists.
const NAME_TRIES_MAX: u64 = 10_000;

/// The upload folder, or the folder of the block lists, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder {}: {source}", folder.display())]
pub struct UploadFolderError {
    /// The folder.
    folder: PathBuf,
    /// The error.
    source: io::Error,
}

/// The upload folder, its partial uploads, its block lists, and the limits on transfers.
#[derive(Debug)]
pub(crate) struct FileStore {
    folder: PathBuf,
    pub(crate) partial_uploads: PartialUploads,
    pub(crate) block_lists: BlockLists,
    is_bound_to_store: bool,
    /// Chat goes before files, because the store may be on the same disk.
    pub(crate) disk_priority: DiskPriority,
    transfers: Arc<Semaphore>,
    of_account: ConcurrencyLimit,
}

/// The permit of one transfer. Each task and thread of the transfer holds the permit, also those that run on after
/// the transfer has ended.
#[derive(Debug)]
pub(crate) struct TransferSlot {
    _of_all: OwnedSemaphorePermit,
    _of_account: Permit,
}

impl FileStore {
    /// Opens the upload folder, and creates it if it is missing. `data` is the folder of the store and of the block
    /// lists.
    pub(crate) fn open(folder: &Path, data: &Path) -> Result<Self, UploadFolderError> {
        let unusable =
            |folder: &Path, source| UploadFolderError { folder: folder.to_owned(), source };
        crate::fs::create_private_folder(folder).map_err(|source| unusable(folder, source))?;
        Ok(Self {
            folder: folder.to_owned(),
            partial_uploads: PartialUploads::new(folder),
            block_lists: BlockLists::open(data).map_err(|source| unusable(data, source))?,
            is_bound_to_store: is_bound(folder, data).map_err(|source| unusable(folder, source))?,
            disk_priority: DiskPriority::default(),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            of_account: ConcurrencyLimit::of(TRANSFERS_OF_ACCOUNT_MAX),
        })
    }

    /// The path of the upload folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The permit for a transfer of this user.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`] at the limit of the account, [`Refusal::Busy`] at the limit of the server.
    pub(crate) fn transfer_slot(&self, user: &UserName) -> Result<Arc<TransferSlot>, Refusal> {
        let of_account = self.of_account.take(user)?;
        let of_all = Arc::clone(&self.transfers).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Arc::new(TransferSlot { _of_all: of_all, _of_account: of_account }))
    }

    /// Opens the partial file of an upload. Returns it with the number of its whole blocks, whose hashes are not
    /// checked here.
    pub(crate) async fn open_partial(
        &self,
        upload: &UploadGuard,
        layout: Layout,
        slot: Arc<TransferSlot>,
    ) -> CommandResult<(PartialFile, u64)> {
        let (folder, name) = (self.folder.clone(), upload.key().to_string());
        let disk_priority = self.disk_priority.clone();
        let opened = blocking(move || {
            let partial = PartialFile::open(&folder, &name, PRIVATE_FILE_MODE, &disk_priority)?;
            let Some(partial) = partial else { return Ok(None) };
            partial.keep_guard(slot);
            partial.truncate(layout)?;
            let kept = layout.whole_blocks(partial.bytes()?);
            Ok(Some((partial, kept)))
        });
        // `None`: a thread of an earlier transfer still writes its last block.
        opened.await.map_err(CommandError::failed)?.ok_or_else(|| Refusal::Busy.into())
    }

    /// Links a complete partial file to its stored name, `<UTC milliseconds>_<name>` of the next free millisecond, and
    /// saves its block list. Both are durable when this returns. The name of the partial file stays too, until a
    /// message refers to the file.
    pub(crate) async fn finish(
        &self,
        partial: PartialFile,
        hashes: Vec<BlockHash>,
        (at, original): (Timestamp, &FileName),
    ) -> Result<(PartialFile, StoredName), FinishError> {
        let original = original.clone();
        let linked = blocking(move || {
            partial.sync()?;
            let names = (0..NAME_TRIES_MAX).map(|try_| {
                let at = Timestamp::from_milliseconds(at.milliseconds().saturating_add(try_));
                String::from(StoredName::new(at, &original))
            });
            let name = partial.link(names);
            Ok(name.map(|name| (partial, name)))
        });
        let (partial, name) = linked.await.map_err(FinishError::Name)??;
        let name: StoredName =
            name.parse().map_err(|error| FinishError::Name(io::Error::other(error)))?;
        if let Err(error) = self.block_lists.save(&name, hashes).await {
            self.remove(&name).await;
            return Err(FinishError::Name(error));
        }
        Ok((partial, name))
    }

    /// Opens a stored file for a download, and checks its length.
    pub(crate) async fn open_file(
        &self,
        name: &StoredName,
        size: u64,
    ) -> io::Result<Arc<BlockFile>> {
        let (path, disk_priority) = (self.folder.join(name.as_str()), self.disk_priority.clone());
        blocking(move || {
            let file = File::open(&path)?;
            match file.metadata()?.len() == size {
                true => Ok(Arc::new(BlockFile::received(file, disk_priority))),
                false => {
                    Err(io::Error::other("the stored file has another length than its message"))
                }
            }
        })
        .await
    }

    /// Whether a file without a message in the store is an orphan, which a crash has left. If the folder is not bound
    /// to the store, the file may belong to another store.
    pub(crate) fn is_bound_to_store(&self) -> bool {
        self.is_bound_to_store
    }

    /// The names of the complete files, in chunks.
    pub(crate) fn names(&self) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
        stored_names(self.folder.clone())
    }

    /// Removes an orphaned or expired file, and its block list.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.folder.join(name.as_str());
        if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
            tracing::warn!(%name, %error, "a file could not be removed");
        }
        self.block_lists.remove(name).await;
    }
}

#[cfg(test)]
mod tests;
