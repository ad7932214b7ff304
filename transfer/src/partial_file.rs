//! A file that is not complete yet.

mod final_name;

use std::fs::{File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::ops::{ControlFlow, Range};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

pub use final_name::FinishError;
use final_name::rename;
use qchat_proto::{BlockHash, PART_PREFIX};
use rustix::fs::OFlags;
use tempfile::NamedTempFile;

use crate::block_hashes::hash_blocks;
use crate::block_io::BlockFile;
use crate::disk_priority::DiskPriority;
use crate::layout::Layout;

/// How often the open call is repeated if the partial file vanishes during the call.
const OPEN_TRIES_MAX: u32 = 8;

/// The received blocks of a file, in the folder of the final file, under a name of its own. The file is locked while it is
/// open. If it holds any bytes, it outlives this value, and a later transfer continues with them.
#[derive(Debug)]
pub struct PartialFile {
    /// Shared with the threads that write to it.
    disk: Arc<BlockFile>,
    path: PathBuf,
}

/// A partial file that was found in a folder.
#[derive(Debug)]
pub struct PartialFileEntry {
    /// The path of the file.
    pub path: PathBuf,
    /// The name that [`PartialFile::open`] takes.
    pub name: String,
    /// The time of the last write.
    pub touched: SystemTime,
}

impl PartialFile {
    /// Opens the partial file of this name in `folder`, and creates the folder and the file if they are missing. `None`
    /// if the file is open elsewhere. A new file gets the permissions `mode`, less the umask of the process.
    ///
    /// Writes reach no other file: a symbolic link at the path is not followed, and a file that has other names too is
    /// replaced by a copy first, which only its owner can read.
    ///
    /// # Errors
    /// An error of the operating system, or if the path names something else than a file.
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
        options.custom_flags(open_flags());
        for _ in 0..OPEN_TRIES_MAX {
            let file = options.open(&path)?;
            let metadata = file.metadata()?;
            if !metadata.is_file() {
                return Err(io::Error::other("the path of a partial file names something else"));
            }
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            // Its last owner may have finished or removed it just before the lock was released.
            match is_at(&file, &path)? {
                true if metadata.nlink() > 1 => replace_by_copy(&file, &path)?,
                true => {
                    let disk = Arc::new(BlockFile::receiving(file, priority.clone()));
                    return Ok(Some(Self { disk, path }));
                }
                false => {}
            }
        }
        Ok(None)
    }

    /// The path of the partial file of this name in `folder`, whether it exists or not.
    pub fn path(folder: &Path, name: &str) -> PathBuf {
        folder.join(format!("{PART_PREFIX}{name}"))
    }

    /// The partial files in `folder`. Empty if there is no such folder.
    ///
    /// # Errors
    /// An error of the operating system, if the folder cannot be read.
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
            // The file may have been finished or removed in the meantime.
            let Ok(metadata) = entry.metadata() else { continue };
            found.push(PartialFileEntry {
                path: entry.path(),
                name: name.to_owned(),
                touched: metadata.modified()?,
            });
        }
        Ok(found)
    }

    /// Keeps `guard` until the file is closed, also by the last blocking thread that writes to it.
    pub fn keep_guard(&self, guard: impl Send + 'static) {
        self.disk.keep_guard(guard);
    }

    /// The length of the file in bytes.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn bytes(&self) -> io::Result<u64> {
        Ok(self.disk.file.metadata()?.len())
    }

    /// The path of the file.
    pub fn location(&self) -> &Path {
        &self.path
    }

    /// The number of bytes on the disk. A file with holes needs fewer than its length.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn bytes_on_disk(&self) -> io::Result<u64> {
        // The unit of `st_blocks` is always 512 bytes.
        Ok(self.disk.file.metadata()?.blocks().saturating_mul(512))
    }

    /// Removes bytes beyond the length in `layout`.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn truncate(&self, layout: Layout) -> io::Result<()> {
        match self.bytes()? > layout.size() {
            true => self.disk.file.set_len(layout.size()),
            false => Ok(()),
        }
    }

    /// Reads blocks and passes the hash of each to `each`, until `each` breaks.
    ///
    /// # Errors
    /// An error of the operating system. If the file ends before a block does, `UnexpectedEof`.
    pub fn hash_blocks(
        &self,
        layout: Layout,
        blocks: Range<u64>,
        mut each: impl FnMut(u64, BlockHash) -> ControlFlow<()>,
    ) -> io::Result<()> {
        hash_blocks(&self.disk, layout, blocks, &mut each)
    }

    /// The open file, for threads that write to it.
    pub(crate) fn disk(&self) -> Arc<BlockFile> {
        Arc::clone(&self.disk)
    }

    /// Makes the bytes durable.
    ///
    /// # Errors
    /// An error of the operating system. The file is empty then, and all blocks have to come again.
    pub fn sync(&self) -> io::Result<()> {
        self.disk.sync()
    }

    /// Allows the owner to execute the file, and nobody else to write to it. No error if the file system has no such
    /// permissions.
    ///
    /// # Errors
    /// An error of the operating system, as with [`sync`](Self::sync).
    pub fn make_executable(&self) -> io::Result<()> {
        let mode = self.disk.file.metadata()?.permissions().mode();
        let executable = Permissions::from_mode((mode & 0o644) | 0o100);
        match self.disk.file.set_permissions(executable) {
            Ok(()) => self.disk.empty_unless_synced(self.disk.file.sync_all()),
            Err(_) => Ok(()),
        }
    }

    /// Removes the file.
    ///
    /// # Errors
    /// An error of the operating system.
    pub fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }

    /// Renames the file to the first of `names` that is free, never replaces another file, and makes the name durable.
    /// The bytes must have been synced before.
    ///
    /// # Errors
    /// [`FinishError`]. The partial file stays then, unless only the last sync failed.
    pub fn finish(self, names: impl IntoIterator<Item = String>) -> Result<String, FinishError> {
        final_name::try_names(self.folder(), names, |target| rename(&self.path, target))
    }

    /// Like [`finish`](Self::finish), but keeps the name of the partial file too. If the server is killed before the message
    /// of the file is stored, an upload can still continue. The caller removes the partial file afterwards
    /// (`docs/decisions/019-link-not-rename.md`).
    ///
    /// # Errors
    /// [`FinishError`].
    pub fn link(&self, names: impl IntoIterator<Item = String>) -> Result<String, FinishError> {
        final_name::try_names(self.folder(), names, |target| {
            match std::fs::hard_link(&self.path, target) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    // Some file systems have no hard links.
                    rename(&self.path, target)
                }
                linked => linked,
            }
        })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }
}

/// Removes an empty file: no transfer can continue with it.
impl Drop for PartialFile {
    fn drop(&mut self) {
        let is_empty = self.bytes().is_ok_and(|bytes| bytes == 0);
        // After `finish`, another transfer may have created a file at this path.
        if is_empty && is_at(&self.disk.file, &self.path).unwrap_or(false) {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Open flags that refuse a symbolic link, and do not wait for the other end of a pipe.
fn open_flags() -> i32 {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    // All flags fit: only their type is unsigned.
    i32::try_from(flags.bits()).unwrap_or_default()
}

/// Replaces a file that has other names by a copy, so that the files of these names are not overwritten. A killed server
/// leaves such a file: complete, with its final name, and without its message.
fn replace_by_copy(mut file: &File, path: &Path) -> io::Result<()> {
    let mut copy = new_copy(path.parent().unwrap_or(Path::new(".")))?;
    io::copy(&mut file, &mut copy)?;
    copy.persist(path)?;
    Ok(())
}

/// A file for a copy. It has the name of a partial file, so the cleanup finds it if the process is killed.
fn new_copy(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(PART_PREFIX).tempfile_in(folder)
}

/// Whether the path names the open file.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let open = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(there) => Ok((open.dev(), open.ino()) == (there.dev(), there.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
