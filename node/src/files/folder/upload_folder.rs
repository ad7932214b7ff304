//! The folder of uploaded files.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use qchat_proto::{BlockHash, FileName, StoredName, Timestamp};
use qchat_transfer::{BlockFile, DiskPriority, FinishError, Layout, PartialFile};
use tokio::sync::mpsc;

use super::block_lists::BlockLists;
use super::names::{is_bound, stored_names};
use crate::error::{CommandError, CommandResult};
use crate::files::upload_key::UploadKey;
use crate::fs::{PRIVATE_FILE_MODE, blocking, free_bytes};

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

/// The upload folder and its block lists. Clones share the block lists.
#[derive(Debug, Clone)]
pub(crate) struct UploadFolder {
    path: PathBuf,
    block_lists: Arc<BlockLists>,
    is_bound_to_store: bool,
    disk_priority: DiskPriority,
}

impl UploadFolder {
    /// Opens the upload folder, and creates it if it is missing. `data` is the folder of the store and of the block
    /// lists.
    pub(crate) fn open(
        path: &Path,
        data: &Path,
        disk_priority: &DiskPriority,
    ) -> Result<Self, UploadFolderError> {
        let unusable =
            |folder: &Path, source| UploadFolderError { folder: folder.to_owned(), source };
        crate::fs::create_private_folder(path).map_err(|source| unusable(path, source))?;
        let block_lists = BlockLists::open(data).map_err(|source| unusable(data, source))?;
        Ok(Self {
            path: path.to_owned(),
            block_lists: Arc::new(block_lists),
            is_bound_to_store: is_bound(path, data).map_err(|source| unusable(path, source))?,
            disk_priority: disk_priority.clone(),
        })
    }

    /// The block lists.
    #[cfg(test)]
    pub(crate) fn block_lists(&self) -> &BlockLists {
        &self.block_lists
    }

    /// The path of the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a file without a message in the store is an orphan, which a crash has left. If the folder is not bound
    /// to the store, the file may belong to another store.
    pub(crate) fn is_bound_to_store(&self) -> bool {
        self.is_bound_to_store
    }

    /// The free bytes of the folder's file system.
    pub(crate) fn free_bytes(&self) -> io::Result<u64> {
        free_bytes(&self.path)
    }

    /// The path of a partial file, which may not exist.
    pub(crate) fn partial_path(&self, key: &UploadKey) -> PathBuf {
        PartialFile::path(&self.path, &key.to_string())
    }

    /// The length of a partial file, and the time of its last write; `None` if there is none.
    pub(crate) fn partial_length(&self, key: &UploadKey) -> Option<(u64, SystemTime)> {
        let metadata = std::fs::metadata(self.partial_path(key)).ok()?;
        Some((metadata.len(), metadata.modified().unwrap_or_else(|_| SystemTime::now())))
    }

    /// Removes a partial file. No error if there is none.
    pub(crate) async fn remove_partial(&self, key: &UploadKey) -> io::Result<()> {
        let path = self.partial_path(key);
        match blocking(move || std::fs::remove_file(path)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// Opens the partial file of an upload, with the number of its whole blocks, whose hashes are not checked here.
    /// `None` if a thread of an earlier transfer still writes its last block.
    pub(crate) async fn open_partial(
        &self,
        key: &UploadKey,
        layout: Layout,
        guard: impl Send + 'static,
    ) -> io::Result<Option<(PartialFile, u64)>> {
        let (folder, name) = (self.path.clone(), key.to_string());
        let disk_priority = self.disk_priority.clone();
        blocking(move || {
            let partial = PartialFile::open(&folder, &name, PRIVATE_FILE_MODE, &disk_priority)?;
            let Some(partial) = partial else { return Ok(None) };
            partial.keep_guard(guard);
            partial.truncate(layout)?;
            let kept = layout.whole_blocks(partial.bytes()?);
            Ok(Some((partial, kept)))
        })
        .await
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

    /// Opens a stored file for a download, checks its length, and reads its block list.
    ///
    /// # Errors
    /// [`CommandError::Failed`] if the file cannot be read or is damaged.
    pub(crate) async fn open_file(
        &self,
        file: &qchat_proto::File,
    ) -> CommandResult<(Arc<BlockFile>, Vec<BlockHash>)> {
        let (path, size) = (self.path.join(file.name.as_str()), file.size);
        let disk_priority = self.disk_priority.clone();
        let opened = blocking(move || {
            let file = File::open(&path)?;
            match file.metadata()?.len() == size {
                true => Ok(Arc::new(BlockFile::received(file, disk_priority))),
                false => {
                    Err(io::Error::other("the stored file has another length than its message"))
                }
            }
        });
        let stored = opened.await.map_err(CommandError::failed)?;
        let hashes = self.block_lists.get(file, &stored).await?;
        Ok((stored, hashes))
    }

    /// The names of the complete files, in chunks.
    pub(crate) fn names(&self) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
        stored_names(self.path.clone())
    }

    /// Removes an orphaned or expired file, and its block list.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.path.join(name.as_str());
        if let Err(error) = blocking(move || std::fs::remove_file(path)).await {
            tracing::warn!(%name, %error, "a file could not be removed");
        }
        self.block_lists.remove(name).await;
    }
}
