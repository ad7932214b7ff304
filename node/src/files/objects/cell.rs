//! A cell: up to four consecutive blocks in one object, with their hashes before them.
//!
//! The format: a version, the number of blocks, the hash of each block, and the bytes of the blocks. The name of the
//! object has the hash of these hashes, so the same content always has the same name, and two attempts that write at
//! the same time never harm each other.

use std::ops::Range;

use bytes::Bytes;
use qchat_proto::BlockHash;
use qchat_transfer::Layout;

/// The most blocks in a cell. More would need more memory for each upload, fewer more requests.
pub(super) const CELL_BLOCKS: u64 = 4;

/// The version of the format.
const VERSION: u8 = 1;

/// The bytes before the hashes.
const HEAD_BYTES: u64 = 2;

/// The bytes of one hash.
const HASH_BYTES: u64 = 32;

/// The hash of the hashes of a cell's blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Tag(pub(super) [u8; 32]);

impl Tag {
    pub(super) fn of(hashes: &[BlockHash]) -> Self {
        let mut hasher = blake3::Hasher::new();
        for hash in hashes {
            hasher.update(&hash.0);
        }
        Self(hasher.finalize().into())
    }
}

/// The number of cells of a file. An empty file has one cell without blocks, so that each file has an object.
pub(super) fn cells(layout: Layout) -> u64 {
    layout.blocks().div_ceil(CELL_BLOCKS).max(1)
}

/// The blocks of a cell of a complete file.
pub(super) fn blocks_of(layout: Layout, cell: u64) -> Range<u64> {
    let first = cell.saturating_mul(CELL_BLOCKS).min(layout.blocks());
    first..first.saturating_add(CELL_BLOCKS).min(layout.blocks())
}

/// The length of the object of a cell that has the first `blocks` of its blocks.
pub(super) fn object_bytes(layout: Layout, cell: u64, blocks: u64) -> u64 {
    let range = blocks_of(layout, cell);
    let end = range.start.saturating_add(blocks);
    let bytes: u64 = (range.start..end).map(|index| layout.length_of(index)).sum();
    head_bytes(blocks).saturating_add(bytes)
}

/// The number of blocks in an object of `bytes` bytes; `None` if no cell of this file has this length.
pub(super) fn blocks_in(layout: Layout, cell: u64, bytes: u64) -> Option<u64> {
    let range = blocks_of(layout, cell);
    (0..=range.end - range.start).find(|&blocks| object_bytes(layout, cell, blocks) == bytes)
}

/// The bytes before the blocks.
pub(super) fn head_bytes(blocks: u64) -> u64 {
    HEAD_BYTES.saturating_add(blocks.saturating_mul(HASH_BYTES))
}

/// The bytes of a block within its cell, which has `blocks` blocks.
pub(super) fn place_of(layout: Layout, index: u64, blocks: u64) -> Range<u64> {
    let cell = blocks_of(layout, index / CELL_BLOCKS);
    let before: u64 = (cell.start..index).map(|index| layout.length_of(index)).sum();
    let start = head_bytes(blocks).saturating_add(before);
    start..start.saturating_add(layout.length_of(index))
}

/// The bytes that come before the blocks with these hashes.
pub(super) fn encode_head(hashes: &[BlockHash]) -> Bytes {
    let blocks = u8::try_from(hashes.len()).unwrap_or(u8::MAX);
    let head = [VERSION, blocks].into_iter().chain(hashes.iter().flat_map(|hash| hash.0));
    head.collect()
}

/// The hashes in the first bytes of a cell, if the tag is theirs.
pub(super) fn decode_head(bytes: &[u8], tag: Tag) -> Option<Vec<BlockHash>> {
    let (&[VERSION, blocks], hashes) = bytes.split_first_chunk()? else { return None };
    let (hashes, _) = hashes.as_chunks::<32>();
    let hashes: Vec<_> =
        hashes.get(..usize::from(blocks))?.iter().copied().map(BlockHash).collect();
    (Tag::of(&hashes) == tag).then_some(hashes)
}

#[cfg(test)]
mod tests;
