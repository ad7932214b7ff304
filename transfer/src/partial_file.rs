//! A file that is not complete yet.

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use qchat_proto::{BlockHash, PART_PREFIX};
use rustix::fs::OFlags;
use tempfile::{NamedTempFile, TempPath};

use crate::block_hashes::hash_block;
use crate::block_io::BlockFile;
use crate::buffer::BufferPool;
use crate::disk_priority::DiskPriority;
use crate::layout::{BLOCK_LENGTH, Layout};

/// How often a part is opened anew that vanished while it was opened.
const OPEN_TRIES_MAX: u32 = 8;

/// What has come of a file, under a name of its own in the folder where the file is to stay. It stays
/// when it is dropped and holds anything: whoever opens it again goes on with it. Nobody else has it
/// meanwhile.
#[derive(Debug)]
pub struct PartialFile {
    /// Shared with the threads that write to it.
    disk: Arc<BlockFile>,
    path: PathBuf,
}

/// Why a complete file did not get its final name.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// Every name that was tried belongs to another file.
    #[error("every name tried is taken")]
    NamesTaken,
    /// The file could not get its name.
    #[error("naming the complete file")]
    Name(#[source] io::Error),
    /// The folder could not be made durable.
    #[error("writing the folder to the disk")]
    Folder(#[source] io::Error),
}

/// A part file that somebody left.
#[derive(Debug)]
pub struct PartialFileEntry {
    /// Where it is.
    pub path: PathBuf,
    /// The name that it was opened by.
    pub name: String,
    /// When it was last written to.
    pub touched: SystemTime,
}

impl PartialFile {
    /// Opens the part of that name in `folder`, and makes what is missing of the two. `None` where
    /// somebody has it open. `mode` is what a new part may be read by, less the process's umask. What comes is
    /// written by way of `priority`.
    ///
    /// What is written goes nowhere else: a link in the part's place is not followed, and a part that has
    /// another name too becomes a copy of its own first, which only its owner reads.
    ///
    /// # Errors
    /// The operating system's; and where something else than a file lies in the part's place.
    pub fn open(
        folder: &Path,
        name: &str,
        mode: u32,
        priority: &DiskPriority,
    ) -> io::Result<Option<Self>> {
        std::fs::create_dir_all(folder)?;
        let path = Self::path(folder, name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(mode);
        options.custom_flags(not_followed());
        for _ in 0..OPEN_TRIES_MAX {
            let file = options.open(&path)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(io::Error::other("what lies in the part's place is no file"));
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its owner may have landed or removed it just before, and let it go.
            match is_at(&file, &path)? {
                true if metadata.nlink() > 1 => part_ways(&file, &path)?,
                true => {
                    let disk = Arc::new(BlockFile::receiving(file, priority.clone()));
                    return Ok(Some(Self { disk, path }));
                }
                false => {}
            }
        }
        Ok(None)
    }

    /// Where the part of that name in `folder` lies, if it is there.
    pub fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{PART_PREFIX}{name}"))
    }

    /// The parts that lie in `folder`. None where there is no folder.
    ///
    /// # Errors
    /// The operating system's, where the folder cannot be read.
    pub fn list(folder: &Path) -> io::Result<Vec<PartialFileEntry>> {
        let entries = match std::fs::read_dir(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut found = Vec::new();
        for entry in entries {
            let entry = entry?;
            if !entry.file_type()?.is_file() {
                continue;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str().and_then(|name| name.strip_prefix(PART_PREFIX)) else {
                continue;
            };
            // What vanished in the meantime is no leftover.
            let Ok(metadata) = entry.metadata() else { continue };
            found.push(PartialFileEntry {
                path: entry.path(),
                name: name.to_owned(),
                touched: metadata.modified()?,
            });
        }
        Ok(found)
    }

    /// Keeps `guard` for as long as anybody has the part, also a thread that only writes to it still.
    pub fn hold(&self, guard: impl Send + 'static) {
        self.disk.hold(guard);
    }

    /// How many bytes lie in it.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.file.metadata()?.len())
    }

    /// Where it lies.
    pub fn place(&self) -> &Path {
        &self.path
    }

    /// How many bytes of the disk it takes, which are fewer where it has holes.
    ///
    /// # Errors
    /// The operating system's.
    pub fn bytes_on_disk(&self) -> io::Result<u64> {
        // The unit of this number is always the same.
        Ok(self.disk.file.metadata()?.blocks().saturating_mul(512))
    }

    /// Takes off what lies beyond the file's length.
    ///
    /// # Errors
    /// The operating system's.
    pub fn shorten(&self, layout: Layout) -> io::Result<()> {
        match self.bytes()? > layout.size() {
            true => self.disk.file.set_len(layout.size()),
            false => Ok(()),
        }
    }

    /// Reads the first `blocks` blocks and tells the value of each, for as long as somebody listens.
    ///
    /// # Errors
    /// The operating system's; a block that is not there whole is an unexpected end.
    pub fn check(
        &self,
        layout: Layout,
        blocks: Range<u64>,
        mut told: impl FnMut(u64, BlockHash) -> ControlFlow<()>,
    ) -> io::Result<()> {
        hash_blocks(&self.disk, layout, blocks, &mut told)
    }

    /// Where its bytes lie.
    pub(crate) fn disk(&self) -> Arc<BlockFile> {
        Arc::clone(&self.disk)
    }

    /// Brings the bytes to the disk.
    ///
    /// # Errors
    /// The operating system's. The part is empty then: all of it has to come again.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    /// Lets the file's owner run it, and nobody else write to it. A file system without such bits keeps it
    /// all the same.
    ///
    /// # Errors
    /// The operating system's; as with [`sync`](Self::sync).
    pub fn make_executable(&self) -> io::Result<()> {
        let mode = self.disk.file.metadata()?.permissions().mode();
        let executable = Permissions::from_mode((mode & 0o644) | 0o100);
        match self.disk.file.set_permissions(executable) {
            Ok(()) => self.disk.unless_lost(self.disk.file.sync_all()),
            Err(_) => Ok(()),
        }
    }

    /// Removes the part.
    ///
    /// # Errors
    /// The operating system's.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// Gives the file the first of `names` that is free, never replacing another, and makes that
    /// durable. The part has gone then. The bytes must have been synced before.
    ///
    /// # Errors
    /// [`FinishError`]; the part stays then, unless it already has its name.
    pub fn finish(self, names: impl IntoIterator<Item = String>) -> Result<String, FinishError> {
        self.give(names, |target| rename(&self.path, target))
    }

    /// As [`finish`](Self::finish), but the part keeps its own name too: what is cut between the name and
    /// what is told of it still has its part. The caller removes the part afterwards.
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn link(&self, names: impl IntoIterator<Item = String>) -> Result<String, FinishError> {
        self.give(names, |target| match std::fs::hard_link(&self.path, target) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                // There are file systems without links.
                rename(&self.path, target)
            }
            linked => linked,
        })
    }

    fn give(
        &self,
        names: impl IntoIterator<Item = String>,
        mut give: impl FnMut(&Path) -> io::Result<()>,
    ) -> Result<String, FinishError> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        for name in names {
            match give(&folder.join(&name)) {
                Ok(()) => {
                    sync_folder(folder).map_err(FinishError::Folder)?;
                    return Ok(name);
                }
                Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FinishError::Name(error)),
            }
        }
        Err(FinishError::NamesTaken)
    }
}

/// Nobody can go on with nothing.
impl Drop for PartialFile {
    fn drop(&mut self) {
        let is_empty = self.bytes().is_ok_and(|bytes| bytes == 0);
        // Where it has landed, its name may be another's by now.
        if is_empty && is_at(&self.disk.file, &self.path).unwrap_or(false) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Reads blocks and tells the value of each, for as long as somebody listens.
///
/// # Errors
/// The operating system's; a block that is not there whole is an unexpected end.
pub fn hash_blocks(
    disk: &BlockFile,
    layout: Layout,
    blocks: Range<u64>,
    told: &mut dyn FnMut(u64, BlockHash) -> ControlFlow<()>,
) -> io::Result<()> {
    let buffers = BufferPool::of(layout);
    for index in blocks {
        let length = usize::try_from(layout.length_of(index)).unwrap_or(BLOCK_LENGTH);
        let mut block = buffers.block(length);
        disk.read(layout, index, &mut block)?;
        if told(index, hash_block(layout, index, block.as_ref())).is_break() {
            break;
        }
    }
    Ok(())
}

/// The flags by which a link is refused instead of being followed, and nobody waits for a pipe's other end.
fn not_followed() -> i32 {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // All flags are small: it is their type that is not signed.
    i32::try_from(flags.bits()).unwrap_or_default()
}

/// Puts a copy in the place of a file that has other names too: whoever gave them to it is not written to.
/// The server's own is one, that a kill has left between its final name and its message.
fn part_ways(mut file: &File, path: &Path) -> io::Result<()> {
    let mut copy = new_copy(path.parent().unwrap_or(Path::new(".")))?;
    io::copy(&mut file, &mut copy)?;
    copy.persist(path)?;
    Ok(())
}

/// A file for a copy. It is named as a part, so that one which a kill has left is found among the old ones.
fn new_copy(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PART_PREFIX).tempfile_in(folder)
}

/// Whether the open file is what lies at the path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((open.dev(), open.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Renames without replacing.
fn rename(path: &Path, target: &Path) -> io::Result<()> {
    let renamed = TempPath::try_from_path(path)?.persist_noclobber(target);
    renamed.map_err(|failed| {
        // Otherwise it would be removed.
        let _ = failed.path.keep();
        failed.error
    })
}

/// Makes new names in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests;
