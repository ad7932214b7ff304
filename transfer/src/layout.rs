//! Divides a file into blocks.

use std::ops::Range;

use qchat_proto::limits::BLOCK_BYTES;

/// A block's length in memory.
pub(crate) const BLOCK_LENGTH: usize = 1024 * 1024;

/// The division of a file into blocks of 1 MiB. The last block may be shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    size: u64,
}

impl Layout {
    /// The layout of a file of `size` bytes.
    pub fn of(size: u64) -> Self {
        Self { size }
    }

    /// The file's length in bytes.
    pub fn size(self) -> u64 {
        self.size
    }

    /// The number of blocks. An empty file has none.
    pub fn blocks(self) -> u64 {
        self.size.div_ceil(BLOCK_BYTES)
    }

    /// All blocks, as one range.
    pub fn every_block(self) -> Vec<Range<u64>> {
        std::iter::once(0..self.blocks()).collect()
    }

    /// The number of blocks that are complete if the first `present` bytes of the file are there.
    pub fn whole_blocks(self, present: u64) -> u64 {
        match present >= self.size {
            true => self.blocks(),
            false => present / BLOCK_BYTES,
        }
    }

    /// The range of a block in the file, in bytes. Empty if the file has no such block.
    pub fn bytes_of(self, index: u64) -> Range<u64> {
        let start = index.saturating_mul(BLOCK_BYTES).min(self.size);
        start..start.saturating_add(BLOCK_BYTES).min(self.size)
    }

    /// The length of a block in bytes.
    pub fn length_of(self, index: u64) -> u64 {
        let Range { start, end } = self.bytes_of(index);
        end - start
    }
}

#[cfg(test)]
mod tests;
