//! Reads and writes the blocks of an open file, with direct I/O if the file system supports it.
//!
//! A received file is written once and seldom read. In the page cache it would cost a copy, evict data that is used
//! again, and be flushed in bursts that delay each fsync, above all the store's. So whole blocks bypass the page
//! cache (`docs/decisions/015-direct-io.md`).

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::buffer::BlockBuffer;
use crate::disk_priority::DiskPriority;
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::lock::lock;

/// An open file that is read or written in blocks.
#[derive(Debug)]
pub struct BlockFile {
    pub(crate) file: File,
    /// The same file, opened for direct I/O. Some file systems allow the open call and then refuse to write.
    direct: Option<File>,
    is_direct_refused: AtomicBool,
    priority: DiskPriority,
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl BlockFile {
    /// Opens a received file for reading.
    pub fn received(file: File, priority: DiskPriority) -> Self {
        let direct = direct::open(&file, File::options().read(true));
        Self { direct, priority, ..Self::cached(file) }
    }

    /// Opens a file of the user for reading, through the page cache: the user may just have written it.
    pub fn cached(file: File) -> Self {
        let (is_direct_refused, priority) = (AtomicBool::new(false), DiskPriority::default());
        Self { file, direct: None, is_direct_refused, priority, held: Mutex::default() }
    }

    /// Opens a file for receiving.
    pub(crate) fn receiving(file: File, priority: DiskPriority) -> Self {
        let direct = direct::open(&file, File::options().read(true).write(true));
        Self { direct, priority, ..Self::cached(file) }
    }

    /// Keeps `guard` until the file is closed. A blocking thread may read or write the file for a while after its
    /// transfer has ended.
    pub fn keep_guard(&self, guard: impl Send + 'static) {
        lock(&self.held).push(Box::new(guard));
    }

    /// Reads a block into a buffer of the block's length.
    ///
    /// # Errors
    /// An error of the operating system. If the file ends before the block does, `UnexpectedEof`.
    pub(crate) fn read(
        &self,
        layout: Layout,
        index: u64,
        block: &mut BlockBuffer,
    ) -> io::Result<()> {
        let (position, bytes) = (layout.bytes_of(index).start, block.bytes_mut());
        match self.direct_for(bytes) {
            // If direct I/O fails or reads too little, the ordinary read below tells why.
            Some(direct) if self.read_from(direct, bytes, position).is_ok() => Ok(()),
            _ => self.read_from(&self.file, bytes, position),
        }
    }

    /// Writes bytes at `position`, which is the beginning of a block.
    ///
    /// # Errors
    /// An error of the operating system.
    pub(crate) fn write(&self, bytes: &[u8], position: u64) -> io::Result<()> {
        if let Some(direct) = self.direct_for(bytes) {
            match self.write_to(direct, bytes, position) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.is_direct_refused.store(true, Ordering::Relaxed);
                }
                written => return written,
            }
        }
        self.write_to(&self.file, bytes, position)
    }

    /// Makes the written bytes durable.
    ///
    /// # Errors
    /// An error of the operating system. The file is empty then.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.empty_unless_synced(self.file.sync_data())
    }

    /// Empties the file if it could not be synced. The operating system reports a failed sync once, and afterwards shows
    /// bytes that are in memory and not on the disk. The next sync would call them durable.
    pub(crate) fn empty_unless_synced(&self, synced: io::Result<()>) -> io::Result<()> {
        synced.inspect_err(|_| {
            // If this fails too, nothing else can be done here.
            let _ = self.file.set_len(0);
        })
    }

    fn read_from(&self, file: &File, mut bytes: &mut [u8], mut position: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let access = self.priority.access();
            let (piece, rest) = bytes.split_at_mut(access.bytes_max().min(bytes.len()));
            file.read_exact_at(piece, position)?;
            position += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = rest;
        }
        Ok(())
    }

    fn write_to(&self, file: &File, mut bytes: &[u8], mut position: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let access = self.priority.access();
            let (piece, rest) = bytes.split_at(access.bytes_max().min(bytes.len()));
            file.write_all_at(piece, position)?;
            if access.must_sync() {
                self.empty_unless_synced(file.sync_data())?;
            }
            position += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = rest;
        }
        Ok(())
    }

    /// The file for direct I/O, if `bytes` is a whole block: only whole blocks have an aligned length and position.
    fn direct_for(&self, bytes: &[u8]) -> Option<&File> {
        let is_usable = !self.is_direct_refused.load(Ordering::Relaxed);
        self.direct.as_ref().filter(|_| is_usable && bytes.len() == BLOCK_LENGTH)
    }
}

#[cfg(target_os = "linux")]
mod direct {
    use std::fs::{File, OpenOptions};
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::OpenOptionsExt;

    use rustix::fs::OFlags;

    /// Opens the same file again, even if it has another name by now.
    pub(super) fn open(file: &File, options: &mut OpenOptions) -> Option<File> {
        let flags = i32::try_from(OFlags::DIRECT.bits()).ok()?;
        options.custom_flags(flags).open(format!("/proc/self/fd/{}", file.as_raw_fd())).ok()
    }
}

#[cfg(not(target_os = "linux"))]
mod direct {
    use std::fs::{File, OpenOptions};

    pub(super) fn open(_: &File, _: &mut OpenOptions) -> Option<File> {
        None
    }
}

#[cfg(test)]
mod tests;
