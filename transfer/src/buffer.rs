//! Memory for blocks, reused during a transfer.

use std::sync::{Arc, Mutex};

use crate::layout::{BLOCK_LENGTH, Layout};
use crate::lock::lock;

/// The alignment in memory that direct I/O needs, in bytes.
const ALIGNMENT: usize = 4096;

/// The buffers of one transfer. A buffer is used again for a later block: fresh memory costs the system a page fault
/// for every 4 KiB.
#[derive(Debug, Clone)]
pub(crate) struct BufferPool {
    spare: Arc<Mutex<Vec<Vec<u8>>>>,
    /// The length of the file's longest block, in bytes.
    longest: usize,
}

impl BufferPool {
    pub(crate) fn of(layout: Layout) -> Self {
        let longest = usize::try_from(layout.length_of(0)).unwrap_or(BLOCK_LENGTH);
        Self { spare: Arc::default(), longest }
    }

    /// A buffer for a block of this length, with arbitrary content.
    pub(crate) fn block(&self, length: usize) -> BlockBuffer {
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
pub(crate) struct BlockBuffer {
    memory: Vec<u8>,
    range: std::ops::Range<usize>,
    pool: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl BlockBuffer {
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
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
        let memory = std::mem::take(&mut self.memory);
        lock(&self.pool).push(memory);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_aligned_for_direct_io_and_its_memory_is_used_again() {
        let buffers = BufferPool::of(Layout::of(5 * 1024 * 1024));
        for length in [BLOCK_LENGTH, 7, 0] {
            let (mut one, two) = (buffers.block(length), buffers.block(length));
            one.bytes_mut().fill(1);
            assert_eq!((one.as_ref().len(), two.as_ref().len()), (length, length));
            for block in [one, two] {
                assert_eq!(block.as_ref().as_ptr().align_offset(ALIGNMENT), 0);
            }
        }
        assert_eq!(buffers.spare.lock().unwrap().len(), 2);
    }

    #[test]
    fn a_short_file_takes_little_memory() {
        let block = BufferPool::of(Layout::of(5)).block(5);
        assert!(block.memory.len() <= 5 + ALIGNMENT, "{}", block.memory.len());
    }
}
