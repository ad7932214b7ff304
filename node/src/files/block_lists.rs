//! The values of the stored files' blocks, each list in a file beside the store. With its list a damaged
//! block is found, and named, before anybody gets it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_proto::{BlockHash, StoredName};
use qchat_transfer::{BlockFile, Layout, file_digest, hash_blocks};
use tempfile::NamedTempFile;
use tokio::sync::Mutex;

use crate::error::CommandError;
use crate::fs::blocking;
use crate::store::RowsRead;

/// Where the lists lie in the folder of the store. Not beside the uploads: there lie only files that
/// people sent.
const FOLDER: &str = "blocks";

/// The beginning of an unfinished list's name. No stored file has it: their names begin with no dot.
const UNFINISHED: &str = ".tmp";

const VALUE_BYTES: usize = 32;

/// So many values cost as much as a row of the store: they are read and hashed again each time.
const VALUES_A_ROW: usize = 16;

/// A stored file that is not the one that was stored, and nothing tells which of its blocks is wrong.
#[derive(Debug, thiserror::Error)]
#[error("the stored file {0} is damaged: its digest is not that of its message")]
struct DamagedFile(StoredName);

/// The folder of lists.
#[derive(Debug)]
pub(crate) struct BlockLists {
    folder: PathBuf,
    /// Working a list out reads the whole file: one at a time.
    working: Mutex<()>,
}

impl BlockLists {
    /// Makes the folder below `data` where it is missing.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let folder = data.join(FOLDER);
        crate::fs::create_private(&folder)?;
        remove_unfinished(&folder)?;
        Ok(Self { folder, working: Mutex::default() })
    }

    fn path(&self, name: &StoredName) -> PathBuf {
        self.folder.join(name.as_str())
    }

    /// Keeps the list of a file, durably. That of a single block is its digest, and needs no file.
    pub(crate) async fn keep(&self, name: &StoredName, values: Vec<BlockHash>) -> io::Result<()> {
        if values.len() <= 1 {
            return Ok(());
        }
        let (folder, path) = (self.folder.clone(), self.path(name));
        blocking(move || {
            let mut file = new_list(&folder)?;
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.0).collect();
            file.write_all(&bytes)?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            File::open(&folder)?.sync_all()
        })
        .await
    }

    /// Forgets the list of a file that is gone.
    pub(crate) async fn forget(&self, name: &StoredName) {
        let path = self.path(name);
        // There is none where the file has one block; and one too many does no harm.
        let _ = blocking(move || std::fs::remove_file(path)).await;
    }

    /// The list of a stored file, proven by its digest. One that is missing or damaged is worked out
    /// from the file and kept.
    ///
    /// # Errors
    /// A fault, where the file cannot be read or is not the one that was stored.
    pub(crate) async fn of(
        &self,
        file: &qchat_proto::File,
        stored: &Arc<BlockFile>,
    ) -> Result<Vec<BlockHash>, CommandError> {
        let layout = Layout::of(file.size);
        if layout.blocks() <= 1 {
            let only = (0..layout.blocks()).map(|_| BlockHash(file.digest.0));
            return Ok(only.collect());
        }
        let blocks = usize::try_from(layout.blocks()).unwrap_or(usize::MAX);
        RowsRead::of_this_task().add(blocks / VALUES_A_ROW);
        if let Some(values) = self.kept(file, layout).await.map_err(CommandError::failed)? {
            return Ok(values);
        }
        let _turn = self.working.lock().await;
        if let Some(values) = self.kept(file, layout).await.map_err(CommandError::failed)? {
            return Ok(values);
        }
        tracing::warn!(file = %file.name, "the list of its blocks is missing or damaged; worked out anew");
        let values = work_out(stored, layout).await.map_err(CommandError::failed)?;
        if file_digest(&values) != file.digest {
            return Err(CommandError::failed(DamagedFile(file.name.clone())));
        }
        // Who wants to read needs no list on the disk; a full one has no room for it.
        if let Err(error) = self.keep(&file.name, values.clone()).await {
            tracing::warn!(file = %file.name, %error, "the list of its blocks cannot be kept");
        }
        Ok(values)
    }

    /// The list as it is kept, if it is that of the file.
    async fn kept(
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
            let (values, _) = bytes.as_chunks::<VALUE_BYTES>();
            let values: Vec<_> = values.iter().copied().map(BlockHash).collect();
            Ok((file_digest(&values) == expected).then_some(values))
        })
        .await
    }
}

/// A file for a list that is being written.
fn new_list(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)
}

/// Removes what a kill has left of lists that were being written.
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

async fn work_out(stored: &Arc<BlockFile>, layout: Layout) -> io::Result<Vec<BlockHash>> {
    let stored = Arc::clone(stored);
    blocking(move || {
        let mut values = Vec::new();
        hash_blocks(&stored, layout, 0..layout.blocks(), &mut |_, value| {
            values.push(value);
            ControlFlow::Continue(())
        })?;
        Ok(values)
    })
    .await
}

#[cfg(test)]
mod tests {
    use qchat_proto::Digest;
    use qchat_transfer::DiskPriority;

    use super::*;

    const SIZE: usize = 2 * 1024 * 1024 + 7;

    /// A stored file of three blocks.
    fn stored(folder: &Path) -> (qchat_proto::File, Arc<BlockFile>) {
        let path = folder.join("stored");
        let mut bytes = vec![0; SIZE];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        std::fs::write(&path, &bytes).unwrap();
        let file = qchat_proto::File {
            name: "1763833207123_a.bin".parse().unwrap(),
            original: "a.bin".into(),
            size: SIZE.try_into().unwrap(),
            digest: Digest(blake3::hash(&bytes).into()),
        };
        (file, Arc::new(BlockFile::received(File::open(path).unwrap(), DiskPriority::default())))
    }

    #[tokio::test]
    async fn a_list_that_is_missing_or_damaged_is_worked_out_from_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let lists = BlockLists::open(folder.path()).unwrap();
        let (file, stored) = stored(folder.path());
        let path = lists.path(&file.name);
        let values = lists.of(&file, &stored).await.unwrap();
        assert_eq!((values.len(), file_digest(&values)), (3, file.digest));
        let kept = std::fs::read(&path).unwrap();
        assert_eq!(kept.len(), 3 * VALUE_BYTES);
        let mut flipped = kept.clone();
        flipped[40] ^= 1;
        for damaged in [&flipped[..], &kept[..64], &[&kept[..], &[0; 32]].concat(), b""] {
            std::fs::write(&path, damaged).unwrap();
            assert_eq!(lists.of(&file, &stored).await.unwrap(), values);
            assert_eq!(std::fs::read(&path).unwrap(), kept);
        }
    }

    #[tokio::test]
    async fn a_long_list_counts_as_rows_of_the_store_do() {
        let folder = tempfile::tempdir().unwrap();
        let lists = BlockLists::open(folder.path()).unwrap();
        let (file, stored) = stored(folder.path());
        let values = vec![BlockHash([0; 32]); 1600];
        let (size, digest) = (1600 * 1024 * 1024, file_digest(&values));
        let long = qchat_proto::File { size, digest, ..file };
        lists.keep(&long.name, values.clone()).await.unwrap();
        let rows_read = RowsRead::default();
        assert_eq!(rows_read.count(lists.of(&long, &stored)).await.unwrap(), values);
        assert_eq!(rows_read.take(), 100);
    }

    #[tokio::test]
    async fn what_a_kill_has_left_of_a_list_goes_at_the_next_start() {
        let folder = tempfile::tempdir().unwrap();
        let lists = BlockLists::open(folder.path()).unwrap();
        let name = "1763833207123_a.bin".parse().unwrap();
        lists.keep(&name, vec![BlockHash([0; 32]); 2]).await.unwrap();
        let (_, unfinished) = new_list(&lists.folder).unwrap().keep().unwrap();
        BlockLists::open(folder.path()).unwrap();
        assert!(!unfinished.exists() && lists.path(&name).exists());
    }

    #[tokio::test]
    async fn a_list_is_never_made_of_a_damaged_file() {
        let folder = tempfile::tempdir().unwrap();
        let lists = BlockLists::open(folder.path()).unwrap();
        let (file, stored) = stored(folder.path());
        let other = qchat_proto::File { digest: Digest([1; 32]), ..file };
        assert!(matches!(lists.of(&other, &stored).await, Err(CommandError::Failed(_))));
        assert!(!lists.path(&other.name).exists());
    }
}
