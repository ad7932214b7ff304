//! The folder of uploaded files, and the room that is reserved in it.

use std::collections::HashMap;
use std::fs::{DirEntry, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use qchat_proto::{FileName, Refusal, StoredName, Timestamp, UserName};
use qchat_transfer::{LandError, Part};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::task::spawn_blocking;

/// Only the server's own user reads what people sent to each other.
const FILE_MODE: u32 = 0o600;

/// How many files may travel at a time, in both directions. Each has a thread for the disk.
const TRANSFERS_MAX: usize = 128;

/// How many milliseconds are tried for a name that is taken.
const NAME_TRIES_MAX: u64 = 10_000;

/// The file in the data folder that names the upload folder which was empty when they met.
const BOUND: &str = "upload_folder";

/// How many names of stored files are looked at together.
const NAMES_CHUNK: usize = 512;

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
    are_all_ours: bool,
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
    /// Makes the folder where it is missing, and removes what a killed server left unfinished. `data` is
    /// the folder of the store that tells of the files.
    pub(crate) fn open(
        folder: &Path,
        data: &Path,
        quota_bytes: Option<u64>,
    ) -> Result<Self, UploadFolderError> {
        let unusable = |source| UploadFolderError { folder: folder.to_owned(), source };
        crate::folder::create_private(folder).map_err(unusable)?;
        Part::remove_leftovers(folder).map_err(unusable)?;
        Ok(Self {
            folder: folder.to_owned(),
            quota_bytes,
            are_all_ours: is_bound(folder, data).map_err(unusable)?,
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

    /// Whether the store in use has been told of every file in the folder, but for those that a crash
    /// has left: not where another store filled it, which may be started again tomorrow.
    pub(crate) fn are_all_ours(&self) -> bool {
        self.are_all_ours
    }

    /// The names of the files that are complete, some at a time.
    pub(crate) fn names(&self) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
        let folder = self.folder.clone();
        let (names, chunks) = mpsc::channel(1);
        spawn_blocking(move || {
            if let Err(error) = list(&folder, &names) {
                // Nobody may listen any more.
                let _ = names.blocking_send(Err(error));
            }
        });
        chunks
    }

    /// Removes a file that no message tells of, or that has expired.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.folder.join(name.as_str());
        if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
            tracing::warn!(%name, %error, "a file could not be removed");
        }
    }
}

/// Whether the store in `data` is bound to this upload folder. It is bound to the first one that holds no
/// file when they meet.
fn is_bound(folder: &Path, data: &Path) -> io::Result<bool> {
    let path = folder.canonicalize()?.into_os_string().into_encoded_bytes();
    let bound = data.join(BOUND);
    match std::fs::read(&bound) {
        Ok(known) => Ok(known == path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = std::fs::read_dir(folder)?.all(|entry| {
                let name = entry.map(|entry| stored_name(&entry));
                name.is_ok_and(|name| name.is_none())
            });
            if is_empty {
                std::fs::write(bound, path)?;
            }
            Ok(is_empty)
        }
        Err(error) => Err(error),
    }
}

/// What has no stored file's name is none.
fn stored_name(entry: &DirEntry) -> Option<StoredName> {
    entry.file_name().into_string().ok().and_then(|name| name.parse().ok())
}

/// Reads the folder until nobody listens any more.
fn list(folder: &Path, names: &mpsc::Sender<io::Result<Vec<StoredName>>>) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(NAMES_CHUNK);
    for entry in std::fs::read_dir(folder)? {
        chunk.extend(stored_name(&entry?));
        if chunk.len() == NAMES_CHUNK
            && names.blocking_send(Ok(std::mem::take(&mut chunk))).is_err()
        {
            return Ok(());
        }
    }
    let _ = names.blocking_send(Ok(chunk));
    Ok(())
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
        let uploads = Uploads::open(folder.path(), folder.path(), Some(10)).unwrap();
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
        let uploads = Uploads::open(folder.path(), folder.path(), None).unwrap();
        let at = Timestamp::from_milliseconds(1_763_833_207_123);
        let mut names = Vec::new();
        for _ in 0..2 {
            let part = uploads.part().await.unwrap();
            names.push(uploads.land(part, at, &"a.txt".into()).await.unwrap().to_string());
        }
        assert_eq!(names, ["1763833207123_a.txt", "1763833207124_a.txt"]);
    }

    #[test]
    fn a_store_is_bound_to_the_folder_that_was_empty_when_they_met() {
        let (data, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |folder: &Path| Uploads::open(folder, data.path(), None).unwrap().are_all_ours();
        std::fs::write(full.path().join("1763833207123_a.txt"), "of another store").unwrap();
        assert!(!open(full.path()));
        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("README.md"), "no file of a store").unwrap();
        assert!(open(empty.path()));
        std::fs::write(empty.path().join("1763833207123_a.txt"), "of this store").unwrap();
        assert!(open(empty.path()));
        std::fs::remove_file(full.path().join("1763833207123_a.txt")).unwrap();
        assert!(!open(full.path()));
    }
}
