//! The uploaded files, their partial uploads, and the limits on transfers.

use std::path::Path;
use std::sync::Arc;

use qchat_proto::{Refusal, UserName};
use qchat_transfer::DiskPriority;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::files::folder::{UploadFolder, UploadFolderError};
#[cfg(feature = "cluster")]
use crate::files::objects::{self, FilesAddress, OpenFilesError};
use crate::files::partial_uploads::PartialUploads;
use crate::files::storage::Storage;
use crate::limits::{ConcurrencyLimit, Permit};

/// The most concurrent transfers in both directions. Each holds a few blocks of 1 MiB in memory, and as many
/// threads that wait for the disk.
const TRANSFERS_MAX: usize = 64;

/// The most concurrent transfers of one account: a quarter of all. A prompt has at most four transfers.
const TRANSFERS_OF_ACCOUNT_MAX: u32 = 16;

/// The storage of the files, the partial uploads, and the limits on transfers.
#[derive(Debug)]
pub(crate) struct FileStore {
    pub(crate) storage: Storage,
    pub(crate) partial_uploads: PartialUploads,
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
        let disk_priority = DiskPriority::default();
        let folder = UploadFolder::open(folder, data, &disk_priority)?;
        Ok(Self::of(Storage::Folder(folder), disk_priority))
    }

    /// Opens a store of objects, with the credentials of the environment.
    ///
    /// # Errors
    /// [`OpenFilesError`].
    #[cfg(feature = "cluster")]
    pub(crate) async fn open_objects(address: &FilesAddress) -> Result<Self, OpenFilesError> {
        let storage = Storage::Objects(objects::open(address).await?);
        Ok(Self::of(storage, DiskPriority::default()))
    }

    fn of(storage: Storage, disk_priority: DiskPriority) -> Self {
        Self {
            partial_uploads: PartialUploads::of(storage.clone()),
            storage,
            disk_priority,
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            of_account: ConcurrencyLimit::of(TRANSFERS_OF_ACCOUNT_MAX),
        }
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
}

#[cfg(test)]
mod tests;
