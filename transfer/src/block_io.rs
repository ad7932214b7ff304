//! Blocks of an open file, past the page cache where the file system can do so.
//!
//! What is received is written once and read seldom, so caching it only costs copies and pushes out what is
//! used again; and what waits in the cache is flushed in bursts that hold up everybody who syncs: above
//! all the store. So whole blocks go straight to the disk, and come straight from it.

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::buffer::BlockBuffer;
use crate::disk_priority::DiskPriority;
use crate::layout::{BLOCK_LENGTH, Layout};

/// An open file whose blocks are read or written.
#[derive(Debug)]
pub struct BlockFile {
    pub(crate) file: File,
    /// The same file, past the page cache. Some file systems open it so and then do not write.
    direct: Option<File>,
    is_direct_refused: AtomicBool,
    priority: DiskPriority,
    held: Mutex<Vec<Box<dyn Any + Send>>>,
}

impl BlockFile {
    /// To read a file that was received, by way of `priority`.
    pub fn received(file: File, priority: DiskPriority) -> Self {
        let direct = direct::open(&file, File::options().read(true));
        Self { direct, priority, ..Self::cached(file) }
    }

    /// To read a file of somebody else's, who may just have written it, through the page cache.
    pub fn cached(file: File) -> Self {
        let (is_direct_refused, priority) = (AtomicBool::new(false), DiskPriority::default());
        Self { file, direct: None, is_direct_refused, priority, held: Mutex::default() }
    }

    /// To receive a file, by way of `priority`.
    pub(crate) fn receiving(file: File, priority: DiskPriority) -> Self {
        let direct = direct::open(&file, File::options().read(true).write(true));
        Self { direct, priority, ..Self::cached(file) }
    }

    /// Keeps `guard` for as long as anybody has the file: a thread that reads or writes it goes on for a
    /// while after whoever wanted that has gone.
    pub fn hold(&self, guard: impl Send + 'static) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(guard));
    }

    /// Reads a block over what is in the buffer, which has its length.
    ///
    /// # Errors
    /// The operating system's; a block that is not there whole is an unexpected end.
    pub(crate) fn read(
        &self,
        layout: Layout,
        index: u64,
        block: &mut BlockBuffer,
    ) -> io::Result<()> {
        let (place, bytes) = (layout.bytes_of(index).start, block.bytes_mut());
        match self.direct_for(bytes) {
            // A read that fails or falls short here tells by the ordinary way why.
            Some(direct) if self.read_by(direct, bytes, place).is_ok() => Ok(()),
            _ => self.read_by(&self.file, bytes, place),
        }
    }

    /// Writes bytes to their place, which is that of a block's beginning.
    ///
    /// # Errors
    /// The operating system's.
    pub(crate) fn write(&self, bytes: &[u8], place: u64) -> io::Result<()> {
        if let Some(direct) = self.direct_for(bytes) {
            match self.write_by(direct, bytes, place) {
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    self.is_direct_refused.store(true, Ordering::Relaxed);
                }
                written => return written,
            }
        }
        self.write_by(&self.file, bytes, place)
    }

    /// Brings what was written to the disk.
    ///
    /// # Errors
    /// The operating system's. Nothing is left of the file then.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.unless_lost(self.file.sync_data())
    }

    /// Empties a file that could not be synced. The system tells of a failure once, and goes on showing what it
    /// has in memory and not on the disk: whoever went on with that would be told that it is durable.
    pub(crate) fn unless_lost(&self, synced: io::Result<()>) -> io::Result<()> {
        synced.inspect_err(|_| {
            // Where that fails too, there is no more to be done here.
            let _ = self.file.set_len(0);
        })
    }

    fn read_by(&self, file: &File, mut bytes: &mut [u8], mut place: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let access = self.priority.access();
            let (piece, rest) = bytes.split_at_mut(access.bytes_max().min(bytes.len()));
            file.read_exact_at(piece, place)?;
            place += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = rest;
        }
        Ok(())
    }

    fn write_by(&self, file: &File, mut bytes: &[u8], mut place: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let access = self.priority.access();
            let (piece, rest) = bytes.split_at(access.bytes_max().min(bytes.len()));
            file.write_all_at(piece, place)?;
            if access.is_narrow() {
                self.unless_lost(file.sync_data())?;
            }
            place += u64::try_from(piece.len()).unwrap_or(u64::MAX);
            bytes = rest;
        }
        Ok(())
    }

    /// Past the page cache go whole blocks alone: these have their length and place from the disk's own.
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

    /// Opens the same file again, whatever its name is by now.
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
mod tests {
    use std::io::Write;

    use super::*;
    use crate::buffer::BufferPool;
    use crate::test_bytes::noise;

    const SIZE: usize = 2 * BLOCK_LENGTH + 77;

    /// A file as it is, one beside which people talk, and one that has to do without direct access.
    fn disks(content: &[u8]) -> [BlockFile; 3] {
        let beside_talk = DiskPriority::default();
        beside_talk.note_chat(&"alice".parse().unwrap());
        [Some(DiskPriority::default()), Some(beside_talk), None].map(|priority| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(content).unwrap();
            match priority {
                Some(priority) => BlockFile::receiving(file, priority),
                None => BlockFile::cached(file),
            }
        })
    }

    fn layout() -> Layout {
        Layout::of(SIZE.try_into().unwrap())
    }

    fn block(disk: &BlockFile, index: u64) -> io::Result<BlockBuffer> {
        let layout = layout();
        let length = layout.length_of(index).try_into().unwrap();
        let mut block = BufferPool::of(layout).block(length);
        disk.read(layout, index, &mut block).map(|()| block)
    }

    #[test]
    fn what_is_written_is_read_however_the_disk_is_used() {
        let content = noise(SIZE);
        for disk in disks(b"") {
            for (index, bytes) in (0_u64..).zip(content.chunks(BLOCK_LENGTH)) {
                let place = layout().bytes_of(index).start;
                let mut block = BufferPool::of(layout()).block(bytes.len());
                block.bytes_mut().copy_from_slice(bytes);
                disk.write(block.as_ref(), place).unwrap();
            }
            for (index, bytes) in (0_u64..).zip(content.chunks(BLOCK_LENGTH)) {
                assert!(block(&disk, index).unwrap().as_ref() == bytes, "{index}");
            }
            assert_eq!(disk.file.metadata().unwrap().len(), layout().size());
        }
    }

    #[test]
    fn a_block_that_is_not_there_whole_is_an_unexpected_end() {
        for disk in disks(&noise(BLOCK_LENGTH + 5)) {
            assert!(block(&disk, 0).is_ok());
            for index in [1, 2] {
                let error = block(&disk, index).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{index}");
            }
        }
    }

    #[test]
    fn bytes_that_lie_oddly_in_memory_are_written_all_the_same() {
        for disk in disks(b"") {
            let bytes = noise(BLOCK_LENGTH + 1);
            disk.write(&bytes[1..], 0).unwrap();
            assert!(block(&disk, 0).unwrap().as_ref() == &bytes[1..]);
        }
    }
}
