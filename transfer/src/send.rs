//! Sends the blocks of a file to a stream, from a disk or another storage.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use qchat_proto::file_stream::BlockHeader;
use qchat_proto::{BlockHash, Digest, frame};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::block_hashes::hash_block;
use crate::block_io::BlockFile;
use crate::blocking_task::joined;
use crate::buffer::BufferPool;
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::stall_detection::{StallDetector, Stalled};

/// How many blocks are read and hashed ahead of the stream, each in a task of its own.
const BLOCKS_AHEAD: usize = 3;

/// How many bytes are handed to the stream at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// The reason why a file was not sent completely.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file could not be read.
    #[error("reading the file")]
    Read(#[source] io::Error),
    /// The file ended before its announced length.
    #[error("the file became shorter while it was sent")]
    Shorter,
    /// The file is no longer the one that was opened.
    #[error("the file changed while it was sent")]
    Changed,
    /// The stream did not take the bytes.
    #[error("sending the file")]
    Stream(#[source] io::Error),
    /// The peer took nearly nothing for a minute.
    #[error("the other side stopped taking the file")]
    Stalled,
    /// The filter cannot tell which blocks are wanted.
    #[error("the selection of blocks ended early")]
    FilterEnded,
}

/// A destination for the bytes of a file.
pub trait ByteSink {
    /// Waits for room, takes at least one of the bytes, and returns how many it took.
    fn write(&mut self, bytes: &mut Bytes) -> impl Future<Output = io::Result<usize>> + Send;
}

/// Selects the blocks that travel.
pub trait BlockFilter {
    /// Whether the block with this hash is sent. Called once for each block, in ascending order.
    ///
    /// # Errors
    /// An error ends the transfer.
    fn wants(
        &mut self,
        index: u64,
        hash: BlockHash,
    ) -> impl Future<Output = Result<bool, SendError>> + Send;

    /// The digest that is sent after the last block.
    ///
    /// # Errors
    /// An error ends the transfer before the digest is sent.
    fn digest(&mut self) -> impl Future<Output = Result<Digest, SendError>> + Send;
}

/// Reads the blocks of a file.
pub trait BlockSource {
    /// Reads and hashes a block, in a task of its own. `buffers` has the memory for the block.
    fn read_block(
        &self,
        layout: Layout,
        index: u64,
        buffers: &BufferPool,
    ) -> JoinHandle<io::Result<HashedBlock>>;
}

/// The bytes of a block, and their hash.
#[derive(Debug)]
pub struct HashedBlock {
    /// The hash.
    pub hash: BlockHash,
    /// The bytes.
    pub bytes: Bytes,
}

impl BlockSource for Arc<BlockFile> {
    fn read_block(
        &self,
        layout: Layout,
        index: u64,
        buffers: &BufferPool,
    ) -> JoinHandle<io::Result<HashedBlock>> {
        let (disk, buffers) = (Self::clone(self), buffers.clone());
        let length = usize::try_from(layout.length_of(index)).unwrap_or(BLOCK_LENGTH);
        spawn_blocking(move || {
            let mut block = buffers.block(length);
            disk.read(layout, index, &mut block)?;
            let hash = hash_block(layout, index, block.as_ref());
            Ok(HashedBlock { hash, bytes: Bytes::from_owner(block) })
        })
    }
}

/// The progress of a transfer, in bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendProgress {
    /// This many bytes were read and are not wanted by the peer.
    Kept(u64),
    /// This many bytes were taken by the stream.
    Sent(u64),
}

/// Sends the blocks of `blocks` that `filter` selects, and then the digest. The ranges are in ascending order.
///
/// # Errors
/// [`SendError`]; the stream has taken a part of the file then, and the caller has to reset it.
///
/// # Cancel safety
/// Not cancel safe: the stream is left as after an error.
pub async fn send(
    source: impl BlockSource,
    layout: Layout,
    (blocks, filter): (Vec<Range<u64>>, &mut impl BlockFilter),
    sink: &mut impl ByteSink,
    mut progress: impl FnMut(SendProgress),
) -> Result<(), SendError> {
    let mut reader = BlockReader::new(source, layout, blocks);
    let mut sink = StallDetectingSink { sink, stalls: StallDetector::default() };
    while let Some((index, HashedBlock { hash, mut bytes })) = reader.next().await? {
        if !filter.wants(index, hash).await? {
            progress(SendProgress::Kept(layout.length_of(index)));
            continue;
        }
        sink.write_all(header(BlockHeader::Block(index))).await?;
        while !bytes.is_empty() {
            let piece = bytes.split_to(PIECE_BYTES.min(bytes.len()));
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            sink.write_all(piece).await?;
            progress(SendProgress::Sent(length));
        }
    }
    let digest = filter.digest().await?;
    sink.write_all(header(BlockHeader::End(digest))).await
}

fn header(header: BlockHeader) -> Bytes {
    frame::encode_frame(&header).into()
}

/// A sink that has to take enough bytes in a minute.
struct StallDetectingSink<'a, S> {
    sink: &'a mut S,
    stalls: StallDetector,
}

impl<S: ByteSink> StallDetectingSink<'_, S> {
    async fn write_all(&mut self, mut bytes: Bytes) -> Result<(), SendError> {
        while !bytes.is_empty() {
            let taken = self.stalls.watch(self.sink.write(&mut bytes)).await;
            taken.map_err(|Stalled| SendError::Stalled)?.map_err(SendError::Stream)?;
        }
        Ok(())
    }
}

/// Reads and hashes blocks, some of them ahead, and returns them in order.
struct BlockReader<S, I> {
    source: S,
    layout: Layout,
    left: I,
    buffers: BufferPool,
    reading: VecDeque<(u64, JoinHandle<io::Result<HashedBlock>>)>,
}

impl<S: BlockSource, I: Iterator<Item = u64>> BlockReader<S, I> {
    async fn next(&mut self) -> Result<Option<(u64, HashedBlock)>, SendError> {
        while self.reading.len() < BLOCKS_AHEAD
            && let Some(index) = self.left.next()
        {
            let reading = self.source.read_block(self.layout, index, &self.buffers);
            self.reading.push_back((index, reading));
        }
        let Some((index, first)) = self.reading.pop_front() else { return Ok(None) };
        joined(first).await.map(|block| Some((index, block))).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SendError::Shorter,
            _ => SendError::Read(error),
        })
    }
}

impl<S> BlockReader<S, std::iter::Flatten<std::vec::IntoIter<Range<u64>>>> {
    fn new(source: S, layout: Layout, blocks: Vec<Range<u64>>) -> Self {
        let left = blocks.into_iter().flatten();
        Self { source, layout, left, buffers: BufferPool::of(layout), reading: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests;
