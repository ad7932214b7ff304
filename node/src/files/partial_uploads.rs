//! The partial uploads: the transfer that uses each, and the bytes that each counts against the quota.
//!
//! A partial file outlives its connection and the server. At most one transfer uses a partial file. A newer
//! transfer with the same id takes it over, because its client has lost the connection of the older one.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use qchat_proto::Refusal;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::error::{CommandError, CommandResult};
use crate::files::storage::Storage;
use crate::files::upload_key::UploadKey;
use crate::fs::blocking;
use crate::lock::lock;
use crate::store::Store;

/// The most partial uploads of one user. A new upload replaces the oldest resting one.
const UPLOADS_OF_USER_MAX: usize = 32;

/// The longest wait for the older transfer to end.
const TAKEOVER_TIME_MAX: Duration = Duration::from_secs(30);

/// All known partial uploads. Clones share the state.
#[derive(Debug, Clone)]
pub(crate) struct PartialUploads {
    storage: Storage,
    uploads: Arc<Mutex<HashMap<UploadKey, PartialUpload>>>,
}

/// Knows which uploads have their message.
pub(crate) trait UploadMessages: Sync {
    /// Whether the message of an upload exists.
    fn has_message(&self, key: &UploadKey) -> impl Future<Output = io::Result<bool>> + Send;
}

impl UploadMessages for Store {
    async fn has_message(&self, key: &UploadKey) -> io::Result<bool> {
        let file = self.earlier_upload(key.user.clone(), key.id).await;
        file.map(|file| file.is_some()).map_err(io::Error::other)
    }
}

/// A partial file, and the transfer that uses it.
#[derive(Debug)]
struct PartialUpload {
    /// The bytes that count against the sender's quota.
    bytes: u64,
    touched: SystemTime,
    state: UploadState,
}

#[derive(Debug)]
enum UploadState {
    /// No transfer uses the partial file.
    Resting,
    /// A transfer uses the partial file.
    Active {
        /// Cancelled once a newer transfer waits.
        superseded: CancellationToken,
        /// The newest waiting transfer. Dropping the sender refuses that transfer.
        waiting: Option<oneshot::Sender<UploadGuard>>,
    },
}

/// The right of one transfer to use a partial file. After the drop, the bytes that are there count against the quota.
#[derive(Debug)]
pub(crate) struct UploadGuard {
    uploads: PartialUploads,
    key: UploadKey,
    /// Cancelled once a newer transfer waits for this partial file.
    pub(crate) superseded: CancellationToken,
}

impl PartialUploads {
    /// The partial uploads in a storage, none of which is known yet.
    pub(crate) fn of(storage: Storage) -> Self {
        Self { storage, uploads: Arc::default() }
    }

    /// Acquires a partial upload, if necessary from an older transfer.
    ///
    /// # Errors
    /// [`Refusal::Busy`] if the user has too many active uploads or the older transfer does not end.
    /// [`Refusal::TransferFailed`] if a still newer transfer arrives. An I/O error if the oldest resting upload
    /// cannot be removed.
    pub(crate) async fn acquire(
        &self,
        key: UploadKey,
        messages: &impl UploadMessages,
    ) -> CommandResult<UploadGuard> {
        while self.is_one_too_many(&key) {
            let oldest = self.acquire_oldest_resting(&key).ok_or(Refusal::Busy)?;
            oldest.give_way(messages).await.map_err(CommandError::failed)?;
        }
        let guard = match self.acquire_or_wait(key) {
            Ok(guard) => return Ok(guard),
            Err(waiting) => timeout(TAKEOVER_TIME_MAX, waiting).await,
        };
        let guard = guard.map_err(|_| Refusal::Busy)?;
        Ok(guard.map_err(|_| Refusal::TransferFailed)?)
    }

    /// Acquires a partial upload if it is resting.
    pub(crate) fn acquire_resting(&self, key: UploadKey) -> Option<UploadGuard> {
        let mut uploads = self.uploads();
        let upload = uploads.entry(key.clone()).or_insert_with(PartialUpload::new);
        match upload.state {
            UploadState::Resting => Some(self.activate(key, upload)),
            UploadState::Active { .. } => None,
        }
    }

    /// Acquires a resting upload. Otherwise replaces the waiting transfer, and returns the receiver of the guard.
    fn acquire_or_wait(
        &self,
        key: UploadKey,
    ) -> Result<UploadGuard, oneshot::Receiver<UploadGuard>> {
        let mut uploads = self.uploads();
        let upload = uploads.entry(key.clone()).or_insert_with(PartialUpload::new);
        match &mut upload.state {
            UploadState::Resting => Ok(self.activate(key, upload)),
            UploadState::Active { superseded, waiting } => {
                superseded.cancel();
                let (sender, receiver) = oneshot::channel();
                *waiting = Some(sender);
                Err(receiver)
            }
        }
    }

    fn activate(&self, key: UploadKey, upload: &mut PartialUpload) -> UploadGuard {
        let superseded = CancellationToken::new();
        upload.state = UploadState::Active { superseded: superseded.clone(), waiting: None };
        UploadGuard { uploads: self.clone(), key, superseded }
    }

    fn is_one_too_many(&self, key: &UploadKey) -> bool {
        let uploads = self.uploads();
        let of_user = uploads.keys().filter(|other| other.user == key.user);
        !uploads.contains_key(key) && of_user.count() >= UPLOADS_OF_USER_MAX
    }

    /// Acquires the upload of the same user that has rested for the longest time.
    fn acquire_oldest_resting(&self, key: &UploadKey) -> Option<UploadGuard> {
        let mut uploads = self.uploads();
        let resting = uploads.iter_mut().filter(|(other, upload)| {
            other.user == key.user && *other != key && upload.is_resting()
        });
        let (key, upload) = resting.min_by_key(|(_, upload)| upload.touched)?;
        Some(self.activate(key.clone(), upload))
    }

    /// The bytes that the other active uploads have not written yet.
    fn missing_of_others(&self, key: &UploadKey) -> u64 {
        let active: Vec<_> = {
            let uploads = self.uploads();
            let others =
                uploads.iter().filter(|(other, upload)| *other != key && !upload.is_resting());
            others.map(|(other, upload)| (other.clone(), upload.bytes)).collect()
        };
        let missing =
            active.into_iter().map(|(key, bytes)| bytes.saturating_sub(self.present(&key)));
        missing.fold(0, u64::saturating_add)
    }

    /// The bytes of an upload that are there.
    fn present(&self, key: &UploadKey) -> u64 {
        self.storage.present(key).map_or(0, |(bytes, _)| bytes)
    }

    fn uploads(&self) -> MutexGuard<'_, HashMap<UploadKey, PartialUpload>> {
        lock(&self.uploads)
    }
}

impl PartialUpload {
    fn new() -> Self {
        Self { bytes: 0, touched: SystemTime::now(), state: UploadState::Resting }
    }

    fn is_resting(&self) -> bool {
        matches!(self.state, UploadState::Resting)
    }

    /// Ends the active transfer, and returns the waiting one.
    fn rest(&mut self) -> Option<oneshot::Sender<UploadGuard>> {
        match std::mem::replace(&mut self.state, UploadState::Resting) {
            // A waiting transfer may have given up.
            UploadState::Active { waiting, .. } => waiting.filter(|waiting| !waiting.is_closed()),
            UploadState::Resting => None,
        }
    }
}

impl UploadGuard {
    /// The key of the upload.
    pub(crate) fn key(&self) -> &UploadKey {
        &self.key
    }

    /// Reserves `size` bytes of the user's quota, if the user's finished files have `used` bytes. The user's other
    /// partial uploads count too. Resting uploads are removed, oldest first, if this makes enough space.
    ///
    /// # Errors
    /// [`Refusal::QuotaExceeded`]. An I/O error if a resting upload cannot be removed.
    pub(crate) async fn reserve(
        &self,
        size: u64,
        (used, quota): (u64, Option<u64>),
        messages: &impl UploadMessages,
    ) -> CommandResult<()> {
        let quota = quota.unwrap_or(u64::MAX);
        loop {
            let oldest = {
                let mut uploads = self.uploads.uploads();
                let (active, resting) = self.bytes_of_others(&uploads);
                let used = used.saturating_add(active);
                if used.saturating_add(size) > quota {
                    let used = used.saturating_add(resting);
                    return Err(Refusal::QuotaExceeded { size, used, quota }.into());
                }
                if used.saturating_add(resting).saturating_add(size) <= quota {
                    if let Some(upload) = uploads.get_mut(&self.key) {
                        upload.bytes = size;
                    }
                    return Ok(());
                }
                drop(uploads);
                self.uploads.acquire_oldest_resting(&self.key)
            };
            // If none rests any more, the resting uploads have become active, and count as such.
            if let Some(oldest) = oldest {
                tracing::info!(part = %oldest.key, "an unfinished upload gives way to a new one");
                oldest.give_way(messages).await.map_err(CommandError::failed)?;
            }
        }
    }

    /// Checks that the disk has space for the missing bytes of this file of `size` bytes and of the other active
    /// uploads, and that `floor` bytes stay free. The caller has called [`reserve`](Self::reserve) before, so that
    /// of two concurrent uploads each counts the other.
    ///
    /// # Errors
    /// [`Refusal::NoRoomForFile`].
    pub(crate) async fn check_disk(&self, size: u64, floor: u64) -> Result<(), Refusal> {
        let (uploads, key) = (self.uploads.clone(), self.key.clone());
        let space = blocking(move || {
            let free = uploads.storage.free_bytes()?;
            Ok((free.saturating_sub(uploads.missing_of_others(&key)), uploads.present(&key)))
        });
        // If the file system does not answer, a write will report the full disk.
        let Ok((free, written)) = space.await else { return Ok(()) };
        match free < size.saturating_sub(written).saturating_add(floor) {
            true => Err(Refusal::NoRoomForFile { size, free, floor }),
            false => Ok(()),
        }
    }

    /// The bytes of the user's other active uploads, and of the resting ones.
    fn bytes_of_others(&self, uploads: &HashMap<UploadKey, PartialUpload>) -> (u64, u64) {
        let others =
            uploads.iter().filter(|(key, _)| key.user == self.key.user && **key != self.key);
        others.fold((0, 0), |(active, resting), (_, upload)| match upload.is_resting() {
            true => (active, u64::saturating_add(resting, upload.bytes)),
            false => (u64::saturating_add(active, upload.bytes), resting),
        })
    }

    /// Removes what the message of this upload has left over. If this fails, it still counts against the quota.
    pub(crate) async fn discard(self) {
        if let Err(error) = self.uploads.storage.remove_leftover(&self.key).await {
            tracing::warn!(part = %self.key, %error, "an unfinished upload cannot be removed");
        }
    }

    /// Removes the partial upload, which then counts no more.
    async fn give_way(self, messages: &impl UploadMessages) -> io::Result<()> {
        let has_message = async || messages.has_message(&self.key).await;
        self.uploads.storage.remove_upload(&self.key, has_message).await
    }
}

/// Counts the bytes that are there from now on, and passes the partial upload to the waiting transfer.
impl Drop for UploadGuard {
    fn drop(&mut self) {
        let present = self.uploads.storage.present(&self.key);
        let mut uploads = self.uploads.uploads();
        let Some(upload) = uploads.get_mut(&self.key) else { return };
        match present {
            Some((bytes, touched)) => {
                upload.bytes = bytes;
                upload.touched = touched;
            }
            None => upload.bytes = 0,
        }
        let Some(waiting) = upload.rest() else {
            if present.is_none() {
                uploads.remove(&self.key);
            }
            return;
        };
        let guard = self.uploads.activate(self.key.clone(), upload);
        // If the transfer gives up now, its guard is dropped in turn, which needs the lock.
        drop(uploads);
        let _ = waiting.send(guard);
    }
}

#[cfg(test)]
pub(crate) mod tests;
