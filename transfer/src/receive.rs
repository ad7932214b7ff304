//! Receives a file from a stream, and writes its blocks to a sink: a partial file on a disk, or another storage.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};

use qchat_proto::file_stream::BlockHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{BlockHash, Digest, frame};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::block_hashes::hash_block;
use crate::blocking_task::joined;
use crate::buffer::{BlockBuffer, BufferPool};
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::partial_file::PartialFile;
use crate::stall_detection::{StallDetector, Stalled, watch_short};

/// How many blocks may be hashed and written at the same time, each in a task of its own. The limit is small: a block
/// that is not written when the process is killed has to travel again.
const BLOCKS_WRITING_MAX: usize = 2;

/// The reason why a file was not received.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream failed or ended early.
    #[error("receiving the file")]
    Stream(#[source] io::Error),
    /// The peer sent nearly nothing for a minute.
    #[error("the other side stopped sending the file")]
    Stalled,
    /// The receiver stopped the transfer.
    #[error("another transfer of the file took over")]
    Stopped,
    /// The received bytes are no valid stream of this file.
    #[error("the stream of the file is invalid: {0}")]
    Invalid(&'static str),
    /// A block has another hash than was announced.
    #[error("block {0} is damaged")]
    Damaged(u64),
    /// The storage did not accept a block.
    #[error("writing the file")]
    Write(#[source] io::Error),
}

/// Accepts the blocks of a file, and takes note of those that are written.
pub trait BlockReceiver {
    /// Decides whether this block may come. Its bytes overwrite those at the same position.
    ///
    /// # Errors
    /// An error refuses the block and ends the transfer.
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError>;

    /// Notes that a block with this hash is written.
    ///
    /// # Errors
    /// An error ends the transfer.
    fn block_written(&mut self, index: u64, hash: BlockHash) -> Result<(), ReceiveError>;
}

/// Stores the blocks of a file.
pub trait BlockSink {
    /// Hashes and writes a block, in a task of its own. Its bytes overwrite those at the same position.
    fn write_block(
        &self,
        layout: Layout,
        index: u64,
        block: BlockBuffer,
    ) -> JoinHandle<io::Result<BlockHash>>;
}

impl BlockSink for PartialFile {
    fn write_block(
        &self,
        layout: Layout,
        index: u64,
        block: BlockBuffer,
    ) -> JoinHandle<io::Result<BlockHash>> {
        let disk = self.disk();
        spawn_blocking(move || {
            let hash = hash_block(layout, index, block.as_ref());
            disk.write(block.as_ref(), layout.bytes_of(index).start)?;
            Ok(hash)
        })
    }
}

/// The result of a transfer, whether it succeeded or failed.
#[derive(Debug)]
pub struct Received<S, R> {
    /// The sink, which has written all received blocks. They are not durable.
    pub sink: S,
    /// The receiver with what it has noted.
    pub receiver: R,
    /// The digest that the sender sent at the end.
    pub digest: Result<Digest, ReceiveError>,
}

/// Receives blocks in ascending order, each at most once, and writes them to `sink`. After `stop` has completed, ends as
/// soon as no more bytes are ready. `progress` is called with the length of each received piece.
///
/// # Cancel safety
/// Not cancel safe: the sink keeps the received blocks, and may still be written to for a moment.
pub async fn receive<S: BlockSink, R: BlockReceiver>(
    stream: &mut (impl AsyncRead + Unpin),
    layout: Layout,
    (sink, receiver): (S, R),
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(u64),
) -> Received<S, R> {
    let mut stream =
        StallDetectingStream { stream, stalls: StallDetector::default(), stop: pin!(stop) };
    let mut writer = BlockWriter::new(sink, receiver, layout);
    let came = writer.take_all(&mut stream, &mut progress).await;
    // Also after an error: received blocks are kept, and no thread writes after the return.
    let written = writer.finish().await;
    let BlockWriter { sink, receiver, .. } = writer;
    Received { sink, receiver, digest: written.and(came) }
}

/// A stream that is read until `stop` has completed and no more bytes are ready.
struct StallDetectingStream<'a, S, F> {
    stream: &'a mut S,
    stalls: StallDetector,
    stop: Pin<&'a mut F>,
}

impl<S: AsyncRead + Unpin, F: Future<Output = ()>> StallDetectingStream<'_, S, F> {
    async fn header(&mut self) -> Result<BlockHeader, ReceiveError> {
        let header = frame::read(self.stream, FILE_HEADER_BYTES_MAX);
        match unless_stopped(watch_short(header), &mut self.stop).await? {
            Ok(header) => Ok(header),
            Err(frame::ReadError::Stream(error)) => Err(ReceiveError::Stream(error)),
            Err(_) => Err(ReceiveError::Invalid("no block header")),
        }
    }

    /// Reads a whole block. Hashing a few bytes at a time would be slow.
    async fn fill(
        &mut self,
        bytes: &mut [u8],
        progress: &mut impl FnMut(u64),
    ) -> Result<(), ReceiveError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let reading = self.stalls.watch(self.stream.read(rest));
            let read = unless_stopped(reading, &mut self.stop).await?;
            let read = read.map_err(ReceiveError::Stream)?;
            if read == 0 {
                return Err(ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into()));
            }
            progress(u64::try_from(read).unwrap_or(u64::MAX));
            rest = rest.get_mut(read..).unwrap_or_default();
        }
        Ok(())
    }
}

/// The result of `reading`, unless `stop` completes while nothing is ready.
async fn unless_stopped<T>(
    reading: impl Future<Output = Result<T, Stalled>>,
    stop: &mut Pin<&mut impl Future<Output = ()>>,
) -> Result<T, ReceiveError> {
    tokio::select! {
        biased;
        read = reading => read.map_err(|Stalled| ReceiveError::Stalled),
        () = stop => Err(ReceiveError::Stopped),
    }
}

/// Reads blocks from a stream, while earlier blocks are hashed and written.
struct BlockWriter<S, R> {
    sink: S,
    receiver: R,
    layout: Layout,
    buffers: BufferPool,
    /// In the order of arrival.
    writing: VecDeque<(u64, JoinHandle<io::Result<BlockHash>>)>,
    /// The first block that may still come.
    next: u64,
}

impl<S: BlockSink, R: BlockReceiver> BlockWriter<S, R> {
    fn new(sink: S, receiver: R, layout: Layout) -> Self {
        let buffers = BufferPool::of(layout);
        Self { sink, receiver, layout, buffers, writing: VecDeque::new(), next: 0 }
    }

    /// Reads blocks until the digest comes.
    async fn take_all(
        &mut self,
        stream: &mut StallDetectingStream<'_, impl AsyncRead + Unpin, impl Future<Output = ()>>,
        progress: &mut impl FnMut(u64),
    ) -> Result<Digest, ReceiveError> {
        loop {
            let index = match stream.header().await? {
                BlockHeader::Block(index) => index,
                BlockHeader::End(digest) => return Ok(digest),
            };
            self.begin(index)?;
            let length = usize::try_from(self.layout.length_of(index)).unwrap_or(BLOCK_LENGTH);
            let mut block = self.buffers.block(length);
            stream.fill(block.bytes_mut(), progress).await?;
            while self.writing.len() >= BLOCKS_WRITING_MAX {
                self.written().await?;
            }
            self.writing.push_back((index, self.sink.write_block(self.layout, index, block)));
        }
    }

    fn begin(&mut self, index: u64) -> Result<(), ReceiveError> {
        if index < self.next || index >= self.layout.blocks() {
            return Err(ReceiveError::Invalid("a block out of order"));
        }
        self.receiver.begin_block(index)?;
        self.next = index.saturating_add(1);
        Ok(())
    }

    /// Waits until the oldest block in `writing` is written.
    async fn written(&mut self) -> Result<(), ReceiveError> {
        let Some((index, first)) = self.writing.pop_front() else { return Ok(()) };
        let hash = joined(first).await.map_err(ReceiveError::Write)?;
        self.receiver.block_written(index, hash)
    }

    /// Waits until all blocks are written, and returns the first error.
    async fn finish(&mut self) -> Result<(), ReceiveError> {
        let mut all = Ok(());
        while !self.writing.is_empty() {
            let written = self.written().await;
            all = all.and(written);
        }
        all
    }
}

#[cfg(test)]
mod tests;
