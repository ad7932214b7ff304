//! The hashes of a file's blocks, and the digest that they merge to.
//!
//! A block is a whole subtree of the file's BLAKE3 tree. Its hash is the chaining value of that subtree (section 2.1 of
//! the BLAKE3 paper). So a list of hashes proves itself against the digest that `b3sum` prints, and each block
//! can be checked alone.

use std::io;
use std::ops::{ControlFlow, Range};

use blake3::Hasher;
use blake3::hazmat::{
    ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root,
};
use qchat_proto::{BlockHash, Digest};

use crate::block_io::BlockFile;
use crate::buffer::BufferPool;
use crate::layout::{BLOCK_LENGTH, Layout};

/// The hash of a block in memory, which must not be empty.
pub fn hash_block(layout: Layout, index: u64, bytes: &[u8]) -> BlockHash {
    let mut hasher = Hasher::new();
    hasher.set_input_offset(layout.bytes_of(index).start);
    hasher.update(bytes);
    // The only block of a file is the root of the tree.
    BlockHash(match layout.blocks() {
        1 => hasher.finalize().into(),
        _ => hasher.finalize_non_root(),
    })
}

/// Reads blocks and passes the hash of each to `each`, until `each` breaks.
///
/// # Errors
/// An error of the operating system. If the file ends before a block does, `UnexpectedEof`.
pub fn hash_blocks(
    disk: &BlockFile,
    layout: Layout,
    blocks: Range<u64>,
    each: &mut dyn FnMut(u64, BlockHash) -> ControlFlow<()>,
) -> io::Result<()> {
    let buffers = BufferPool::of(layout);
    for index in blocks {
        let length = usize::try_from(layout.length_of(index)).unwrap_or(BLOCK_LENGTH);
        let mut block = buffers.block(length);
        disk.read(layout, index, &mut block)?;
        if each(index, hash_block(layout, index, block.as_ref())).is_break() {
            break;
        }
    }
    Ok(())
}

/// The digest of a file whose blocks have these hashes, in order.
pub fn file_digest(hashes: &[BlockHash]) -> Digest {
    match hashes {
        [] => Digest(blake3::hash(b"").into()),
        [root] => Digest(root.0),
        _ => {
            let (left, right) = halves(hashes);
            let root = merge_subtrees_root(&subtree(left), &subtree(right), Mode::Hash);
            Digest(root.into())
        }
    }
}

/// The chaining value of a subtree. The depth of the recursion is the logarithm of the number of hashes.
fn subtree(hashes: &[BlockHash]) -> ChainingValue {
    match hashes {
        [hash] => hash.0,
        _ => {
            let (left, right) = halves(hashes);
            merge_subtrees_non_root(&subtree(left), &subtree(right), Mode::Hash)
        }
    }
}

/// The hashes of the left and the right subtree. The left one is the largest complete subtree that leaves something
/// for the right one. There must be two hashes or more.
fn halves(hashes: &[BlockHash]) -> (&[BlockHash], &[BlockHash]) {
    hashes.split_at(hashes.len().next_power_of_two() / 2)
}

#[cfg(test)]
mod tests;
