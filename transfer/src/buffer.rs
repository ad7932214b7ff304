//! Memory for blocks, reused during a transfer.

use std::sync::{Arc, Mutex};

use crate::layout::{BLOCK_LENGTH, Layout};
use crate::lock::lock;

/// The alignment in memory that direct I/O needs, in bytes.
const ALIGNMENT: usize = 4096;

/// The most buffers that wait to be used again. A storage with large parts has more in use for a while.
const SPARE_MAX: usize = 8;

/// The buffers of one transfer. A buffer is used again for a later block: fresh memory costs the system a page fault
/// for every 4 KiB.
#[derive(Debug, Clone)]
pub struct BufferPool {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    /// The length of the file's longest block, in bytes.
    longest: usize,
}

impl BufferPool {
    /// The buffers for the blocks of a file.
    pub fn of(layout: Layout) -> Self {
        let longest = usize::try_from(layout.length_of(0)).unwrap_or(BLOCK_LENGTH);
        Self { spare: Arc::default(), longest }
    }

    /// A buffer for a block of this length, with arbitrary content.
    pub fn block(&self, length: usize) -> BlockBuffer {
        let spare = lock(&self.spare).pop();
        let memory = spare.unwrap_or_else(|| vec![0; self.longest + ALIGNMENT]);
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        BlockBuffer {
            memory,
            range: start..start.saturating_add(length),
            pool: Arc::clone(&self.spare),
        }
    }
}

/// The bytes of one block, aligned for direct I/O. Dropping the buffer returns its memory to the pool.
#[derive(Debug)]
pub struct BlockBuffer {
    memory: Vec<u8>,
    range: std::ops::Range<usize>,
    pool: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl BlockBuffer {
    /// The bytes of the block.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.memory.get_mut(self.range.clone()).unwrap_or_default()
    }
}

impl AsRef<[u8]> for BlockBuffer {
    fn as_ref(&self) -> &[u8] {
        self.memory.get(self.range.clone()).unwrap_or_default()
    }
}

impl Drop for BlockBuffer {
    fn drop(&mut self) {
        let mut spare = lock(&self.pool);
        if spare.len() < SPARE_MAX {
            spare.push(std::mem::take(&mut self.memory));
        }
    }
}

#[cfg(test)]
mod tests;
