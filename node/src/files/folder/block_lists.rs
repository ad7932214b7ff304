//! The block lists: the block hashes of each stored file, in a file beside the store. With its list, a damaged block
//! is found before a client gets it.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_proto::{BlockHash, StoredName};
use qchat_transfer::{BlockFile, Layout, file_digest, hash_blocks};
use tempfile::NamedTempFile;
use tokio::sync::Mutex;

use crate::error::{CommandError, CommandResult};
use crate::fs::{blocking, sync_folder};
use crate::store::RowsRead;

/// The folder of the lists, inside of the data folder. The upload folder contains only files that users sent.
const FOLDER: &str = "blocks";

/// The prefix of the name of an unfinished list. No stored name begins with a dot.
const UNFINISHED: &str = ".tmp";

/// The bytes of one block hash.
const HASH_BYTES: usize = 32;

/// The number of block hashes that count as one row of the store: they are read and hashed for each use.
const HASHES_PER_ROW: usize = 16;

/// A stored file with another digest than its message has. Without its list, the damaged block is unknown.
#[derive(Debug, thiserror::Error)]
#[error("the stored file {0} is damaged: its digest is not that of its message")]
struct DamagedFile(StoredName);

/// The folder of the block lists.
#[derive(Debug)]
pub(crate) struct BlockLists {
    folder: PathBuf,
    /// Held while a list is computed, which reads the whole file: only one at a time.
    computing: Mutex<()>,
}

impl BlockLists {
    /// Opens the folder in `data`, and creates it if it is missing.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        crate::fs::create_private_folder(&folder)?;
        remove_unfinished(&folder)?;
        Ok(Self { folder, computing: Mutex::default() })
    }

    fn path(&self, name: &StoredName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Saves the list of a file durably. The hash of a single block is the digest of the file, and is not saved.
    pub(crate) async fn save(&self, name: &StoredName, hashes: Vec<BlockHash>) -> io::Result<()> {
        if hashes.len() <= 1 {
            return Ok(());
        }
        let (folder, path) = (self.folder.clone(), self.path(name));
        blocking(move || {
            let mut file = new_list(&folder)?;
            let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.0).collect();
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            sync_folder(&folder)
        })
        .await
    }

    /// Removes the list of a removed file.
    pub(crate) async fn remove(&self, name: &StoredName) {
        let path = self.path(name);
        // A file of one block has no list, and a list without a file does no harm.
        let _ = blocking(move || std::fs::remove_file(path)).await;
    }

    /// The list of a stored file, verified by the digest of the file. A missing or damaged list is computed from the
    /// file and saved.
    ///
    /// # Errors
    /// [`CommandError::Failed`] if the file cannot be read or is damaged.
    pub(crate) async fn get(
        &self,
        file: &qchat_proto::File,
        stored: &Arc<BlockFile>,
    ) -> CommandResult<Vec<BlockHash>> {
        let layout = Layout::of(file.size);
        if layout.blocks() <= 1 {
            let only = (0..layout.blocks()).map(|_| BlockHash(file.digest.0));
            return Ok(only.collect());
        }
        let blocks = usize::try_from(layout.blocks()).unwrap_or(usize::MAX);
        RowsRead::of_this_task().add(blocks / HASHES_PER_ROW);
        if let Some(hashes) = self.load(file, layout).await.map_err(CommandError::failed)? {
            return Ok(hashes);
        }
        let _computing = self.computing.lock().await;
        if let Some(hashes) = self.load(file, layout).await.map_err(CommandError::failed)? {
            return Ok(hashes);
        }
        tracing::warn!(file = %file.name, "the list of its blocks is missing or damaged; worked out anew");
        let hashes = compute(stored, layout).await.map_err(CommandError::failed)?;
        if file_digest(&hashes) != file.digest {
            return Err(CommandError::failed(DamagedFile(file.name.clone())));
        }
        // A download goes on without a saved list, for example on a full disk.
        if let Err(error) = self.save(&file.name, hashes.clone()).await {
            tracing::warn!(file = %file.name, %error, "the list of its blocks cannot be kept");
        }
        Ok(hashes)
    }

    /// The saved list, if it has the digest of the file.
    async fn load(
        &self,
        file: &qchat_proto::File,
        layout: Layout,
    ) -> io::Result<Option<Vec<BlockHash>>> {
        let (path, expected) = (self.path(&file.name), file.digest);
        blocking(move || {
            let length = match std::fs::metadata(&path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                metadata => metadata?.len(),
            };
            if Some(length) != layout.blocks().checked_mul(32) {
                return Ok(None);
            }
            let bytes = std::fs::read(&path)?;
            let (hashes, _) = bytes.as_chunks::<HASH_BYTES>();
            let hashes: Vec<_> = hashes.iter().copied().map(BlockHash).collect();
            Ok((file_digest(&hashes) == expected).then_some(hashes))
        })
        .await
    }
}

/// A temporary file for a list that is being written.
fn new_list(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

/// Removes the temporary files that a killed server has left.
fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes())
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            let path = entry.path();
            tracing::warn!(path = %path.display(), %error, "an unfinished list cannot be removed");
        }
    }
    Ok(())
}

async fn compute(stored: &Arc<BlockFile>, layout: Layout) -> io::Result<Vec<BlockHash>> {
    let stored = Arc::clone(stored);
    blocking(move || {
        let mut hashes = Vec::new();
        hash_blocks(&stored, layout, 0..layout.blocks(), &mut |_, hash| {
            hashes.push(hash);
            ControlFlow::Continue(())
        })?;
        Ok(hashes)
    })
    .await
}

#[cfg(test)]
mod tests;
