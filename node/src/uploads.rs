//! The folder of uploaded files, and the room that is reserved in it.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use qchat_proto::{FileName, Refusal, StoredName, Timestamp, UserName};
use qchat_transfer::{LandError, Part};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

/// Only the server's own user reads what people sent to each other.
const FILE_MODE: u32 = 0o600;

/// How many files may travel at a time, in both directions. Each has a thread for the disk.
const TRANSFERS_MAX: usize = 128;

/// How many milliseconds are tried for a name that is taken.
const NAME_TRIES_MAX: u64 = 10_000;

/// The upload folder cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the upload folder {}: {source}", folder.display())]
pub struct UploadFolderError {
    /// The folder.
    folder: PathBuf,
    /// Why.
    source: io::Error,
}

/// The folder, with what is on its way into it.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: PathBuf,
    quota_bytes: Option<u64>,
    reserved: Arc<Mutex<HashMap<UserName, u64>>>,
    transfers: Arc<Semaphore>,
}

/// Room for a file that travels, taken off its sender's quota until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    reserved: Arc<Mutex<HashMap<UserName, u64>>>,
    user: UserName,
    size: u64,
}

impl Uploads {
    /// Makes the folder where it is missing, and removes what a killed server left unfinished.
    pub(crate) fn open(folder: &Path, quota_bytes: Option<u64>) -> Result<Self, UploadFolderError> {
        let unusable = |source| UploadFolderError { folder: folder.to_owned(), source };
        crate::folder::create_private(folder).map_err(unusable)?;
        Part::remove_leftovers(folder).map_err(unusable)?;
        Ok(Self {
            folder: folder.to_owned(),
            quota_bytes,
            reserved: Arc::default(),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
        })
    }

    /// What all files of one sender may take.
    pub(crate) fn quota_bytes(&self) -> Option<u64> {
        self.quota_bytes
    }

    /// A place among the transfers.
    ///
    /// # Errors
    /// [`Refusal::Busy`] where all are taken.
    pub(crate) fn begin(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        Arc::clone(&self.transfers).try_acquire_owned().map_err(|_| Refusal::Busy)
    }

    /// Reserves room for a file of `size` bytes of a user whose finished files have `used` bytes.
    ///
    /// # Errors
    /// [`Refusal::QuotaExceeded`].
    pub(crate) fn reserve(
        &self,
        user: &UserName,
        size: u64,
        used: u64,
    ) -> Result<Reservation, Refusal> {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        let travelling = reserved.get(user).copied().unwrap_or_default();
        let used = used.saturating_add(travelling);
        match self.quota_bytes {
            Some(quota) if used.saturating_add(size) > quota => {
                return Err(Refusal::QuotaExceeded { size, used, quota });
            }
            _ => {}
        }
        reserved.insert(user.clone(), travelling.saturating_add(size));
        Ok(Reservation { reserved: Arc::clone(&self.reserved), user: user.clone(), size })
    }

    /// A new part file.
    pub(crate) async fn part(&self) -> io::Result<Part> {
        let folder = self.folder.clone();
        blocking(move || Part::create(&folder, FILE_MODE)).await
    }

    /// Gives a complete file its name: `<UTC milliseconds>_<name>`, of the next free millisecond.
    pub(crate) async fn land(
        &self,
        part: Part,
        at: Timestamp,
        original: &FileName,
    ) -> Result<StoredName, LandError> {
        let original = original.clone();
        let landed = blocking(move || {
            let names = (0..NAME_TRIES_MAX).map(|try_| {
                let at = Timestamp::from_milliseconds(at.milliseconds().saturating_add(try_));
                String::from(StoredName::new(at, &original))
            });
            Ok(part.land(names))
        });
        let name = landed.await.map_err(LandError::Rename)??;
        name.parse().map_err(|error| LandError::Rename(io::Error::other(error)))
    }

    /// Opens a stored file, and checks that it has its length.
    pub(crate) async fn file(&self, name: &StoredName, size: u64) -> io::Result<File> {
        let path = self.folder.join(name.as_str());
        blocking(move || {
            let file = File::open(&path)?;
            match file.metadata()?.len() == size {
                true => Ok(file),
                false => {
                    Err(io::Error::other("the stored file has another length than its message"))
                }
            }
        })
        .await
    }

    /// Removes a file that no message tells of.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.folder.join(name.as_str());
        if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
            tracing::warn!(%name, %error, "a file without a message could not be removed");
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut reserved = self.reserved.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = reserved.get_mut(&self.user) {
            *bytes = bytes.saturating_sub(self.size);
            if *bytes == 0 {
                reserved.remove(&self.user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_travels_counts_against_the_quota_until_it_is_done() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(folder.path(), Some(10)).unwrap();
        let alice: UserName = "alice".parse().unwrap();
        let first = uploads.reserve(&alice, 4, 2).unwrap();
        let refused = uploads.reserve(&alice, 5, 2).unwrap_err();
        assert_eq!(refused, Refusal::QuotaExceeded { size: 5, used: 6, quota: 10 });
        drop(first);
        uploads.reserve(&alice, 8, 2).unwrap();
    }

    #[tokio::test]
    async fn files_of_the_same_millisecond_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(folder.path(), None).unwrap();
        let at = Timestamp::from_milliseconds(1_763_833_207_123);
        let mut names = Vec::new();
        for _ in 0..2 {
            let part = uploads.part().await.unwrap();
            names.push(uploads.land(part, at, &"a.txt".into()).await.unwrap().to_string());
        }
        assert_eq!(names, ["1763833207123_a.txt", "1763833207124_a.txt"]);
    }
}
