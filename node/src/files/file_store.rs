//! The folder of uploaded files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_proto::{BlockHash, FileName, Refusal, StoredName, Timestamp, UserName};
use qchat_transfer::{BlockFile, DiskPriority, FinishError, Layout, PartialFile};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::error::CommandError;
use crate::files::block_lists::BlockLists;
use crate::files::folder;
use crate::files::folder::is_bound;
use crate::files::partial_uploads::{PartialUploads, UploadTurn};
use crate::fs::blocking;
use crate::limits::{ConcurrencyLimit, Permit};

/// Only the server's own user reads what people sent to each other.
const FILE_MODE: u32 = 0o600;

/// How many files may travel at a time, in both directions. Each has a few blocks of 1 MiB in memory, and
/// as many threads at its disk.
const TRANSFERS_MAX: usize = 64;

/// How many of them may be one account's: a quarter. A prompt moves four at a time.
const TRANSFERS_OF_ACCOUNT_MAX: u32 = 16;

/// How many milliseconds are tried for a name that is taken.
const NAME_TRIES_MAX: u64 = 10_000;

/// The folder of uploaded files, or that of their block lists, cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the folder {}: {source}", folder.display())]
pub struct UploadFolderError {
    /// The folder.
    folder: PathBuf,
    /// Why.
    source: io::Error,
}

/// The folder, with what is on its way into it.
#[derive(Debug)]
pub(crate) struct FileStore {
    folder: PathBuf,
    pub(crate) parts: PartialUploads,
    pub(crate) lists: BlockLists,
    are_all_ours: bool,
    /// To the disk, which the store may share.
    pub(crate) disk_priority: DiskPriority,
    transfers: Arc<Semaphore>,
    of_account: ConcurrencyLimit,
}

/// A place among the transfers. Dropping it makes room for another. Whoever works for the transfer has it,
/// also the threads that go on for a while after it has ended.
#[derive(Debug)]
pub(crate) struct TransferSlot {
    _of_all: OwnedSemaphorePermit,
    _of_account: Permit,
}

impl FileStore {
    /// Makes the folder where it is missing. `data` is the folder of the store that tells of the files;
    /// their block lists lie there too.
    pub(crate) fn open(folder: &Path, data: &Path) -> Result<Self, UploadFolderError> {
        let unusable =
            |folder: &Path, source| UploadFolderError { folder: folder.to_owned(), source };
        crate::fs::create_private(folder).map_err(|source| unusable(folder, source))?;
        Ok(Self {
            folder: folder.to_owned(),
            parts: PartialUploads::new(folder),
            lists: BlockLists::open(data).map_err(|source| unusable(data, source))?,
            are_all_ours: is_bound(folder, data).map_err(|source| unusable(folder, source))?,
            disk_priority: DiskPriority::default(),
            transfers: Arc::new(Semaphore::new(TRANSFERS_MAX)),
            of_account: ConcurrencyLimit::of(TRANSFERS_OF_ACCOUNT_MAX),
        })
    }

    /// The folder.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A place for a transfer of this user's.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`] where they have their share, [`Refusal::Busy`] where all are taken.
    pub(crate) fn begin(&self, user: &UserName) -> Result<Arc<TransferSlot>, Refusal> {
        let of_account = self.of_account.take(user)?;
        let of_all = Arc::clone(&self.transfers).try_acquire_owned().map_err(|_| Refusal::Busy)?;
        Ok(Arc::new(TransferSlot { _of_all: of_all, _of_account: of_account }))
    }

    /// The part of an upload, and how many of the file's blocks lie there whole: whether they are the
    /// right ones is another matter.
    pub(crate) async fn part(
        &self,
        turn: &UploadTurn,
        layout: Layout,
        place: Arc<TransferSlot>,
    ) -> Result<(PartialFile, u64), CommandError> {
        let (folder, name) = (self.folder.clone(), turn.key().to_string());
        let disk_priority = self.disk_priority.of(&turn.key().user);
        let opened = blocking(move || {
            let Some(part) = PartialFile::open(&folder, &name, FILE_MODE, &disk_priority)? else {
                return Ok(None);
            };
            part.keep_guard(place);
            part.truncate(layout)?;
            let kept = layout.whole_blocks(part.bytes()?);
            Ok(Some((part, kept)))
        });
        // The thread of a transfer that was given up may still write its last piece.
        opened.await.map_err(CommandError::failed)?.ok_or_else(|| Refusal::Busy.into())
    }

    /// Gives a complete part its name, `<UTC milliseconds>_<name>` of the next free millisecond, and keeps
    /// the list of its blocks. All of it is durable when this returns. The part keeps its own name
    /// too, until a message tells of the file.
    pub(crate) async fn finish(
        &self,
        part: PartialFile,
        values: Vec<BlockHash>,
        (at, original): (Timestamp, &FileName),
    ) -> Result<(PartialFile, StoredName), FinishError> {
        let original = original.clone();
        let landed = blocking(move || {
            part.sync()?;
            let names = (0..NAME_TRIES_MAX).map(|try_| {
                let at = Timestamp::from_milliseconds(at.milliseconds().saturating_add(try_));
                String::from(StoredName::new(at, &original))
            });
            let name = part.link(names);
            Ok(name.map(|name| (part, name)))
        });
        let (part, name) = landed.await.map_err(FinishError::Name)??;
        let name: StoredName =
            name.parse().map_err(|error| FinishError::Name(io::Error::other(error)))?;
        if let Err(error) = self.lists.keep(&name, values).await {
            self.remove(&name).await;
            return Err(FinishError::Name(error));
        }
        Ok((part, name))
    }

    /// Opens a stored file for this user, and checks that it has its length.
    pub(crate) async fn file(
        &self,
        user: &UserName,
        name: &StoredName,
        size: u64,
    ) -> io::Result<Arc<BlockFile>> {
        let (path, disk_priority) = (self.folder.join(name.as_str()), self.disk_priority.of(user));
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

    /// Whether the store in use has been told of every file in the folder, but for those that a crash
    /// has left: not where another store filled it, which may be started again tomorrow.
    pub(crate) fn are_all_ours(&self) -> bool {
        self.are_all_ours
    }

    /// The names of the files that are complete, some at a time.
    pub(crate) fn names(&self) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
        folder::of(self.folder.clone())
    }

    /// Removes a file that no message tells of, or that has expired.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.folder.join(name.as_str());
        if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
            tracing::warn!(%name, %error, "a file could not be removed");
        }
        self.lists.forget(name).await;
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use qchat_proto::ClientId;

    use super::*;
    use crate::files::partial_uploads::PartKey;
    use crate::store::Store;

    /// The files that lie in a folder, and those below it, with what others may do with them.
    fn of_others(folder: &Path) -> Vec<(PathBuf, u32)> {
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let (folders, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        let mode = |path: &PathBuf| path.metadata().unwrap().permissions().mode() & 0o077;
        let files = files.into_iter().map(|path| (path.clone(), mode(&path)));
        files.chain(folders.iter().flat_map(|folder| of_others(folder))).collect()
    }

    #[tokio::test]
    async fn nobody_else_reads_what_the_server_keeps() {
        let top = tempfile::tempdir().unwrap();
        let (data, upload) = (top.path().join("data"), top.path().join("upload"));
        let open = async || {
            let store = Store::open(&data).unwrap();
            let file_store = FileStore::open(&upload, &data).unwrap();
            store.close().await;
            file_store
        };
        let (name, values) = ("1763833207123_a.bin".parse().unwrap(), vec![BlockHash([0; 32]); 2]);
        open().await.lists.keep(&name, values).await.unwrap();
        let made = of_others(&data);
        assert!(made.len() >= 4 && made.iter().all(|(_, mode)| *mode == 0), "{made:?}");
        // As an earlier version made them.
        for name in ["qchat.redb", "qchat.lock", "upload_folder"] {
            std::fs::set_permissions(data.join(name), Permissions::from_mode(0o644)).unwrap();
        }
        open().await;
        let found = of_others(&data);
        assert!(found.iter().all(|(_, mode)| *mode == 0), "{found:?}");
    }

    #[tokio::test]
    async fn files_of_the_same_millisecond_get_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let file_store = FileStore::open(folder.path(), &folder.path().join("data")).unwrap();
        let at = Timestamp::from_milliseconds(1_763_833_207_123);
        let mut names = Vec::new();
        for id in 0..2 {
            let key = PartKey { user: "alice".parse().unwrap(), id: ClientId([id; 16]) };
            let turn = file_store.parts.take(key).await.unwrap();
            let place = file_store.begin(&turn.key().user).unwrap();
            let (part, kept) = file_store.part(&turn, Layout::of(0), place).await.unwrap();
            assert_eq!(kept, 0);
            let (_, name) =
                file_store.finish(part, Vec::new(), (at, &"a.txt".into())).await.unwrap();
            names.push(name.to_string());
        }
        assert_eq!(names, ["1763833207123_a.txt", "1763833207124_a.txt"]);
    }

    #[tokio::test]
    async fn a_transfer_has_its_place_for_as_long_as_a_thread_has_its_part() {
        let folder = tempfile::tempdir().unwrap();
        let file_store = FileStore::open(folder.path(), &folder.path().join("data")).unwrap();
        let alice: UserName = "alice".parse().unwrap();
        let mut parts = Vec::new();
        for id in 0..16 {
            let key = PartKey { user: alice.clone(), id: ClientId([id; 16]) };
            let turn = file_store.parts.take(key).await.unwrap();
            let place = file_store.begin(&alice).unwrap();
            // What its handler had of the place is gone with it.
            parts.push(file_store.part(&turn, Layout::of(1), place).await.unwrap());
        }
        assert!(matches!(file_store.begin(&alice), Err(Refusal::TooManyAtOnce(16))));
        parts.pop();
        assert!(file_store.begin(&alice).is_ok());
    }
}
