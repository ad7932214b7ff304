//! From a stream to a disk.

use std::collections::VecDeque;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;

use qchat_proto::file_stream::BlockHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{BlockHash, Digest, frame};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::block_hashes::hash_block;
use crate::block_io::BlockFile;
use crate::blocking_task::joined;
use crate::buffer::{BlockBuffer, BufferPool};
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::partial_file::PartialFile;
use crate::stall_detection::{StallDetector, Stalled, whole};

/// How many blocks may be on their way to the disk, each in a thread of its own. Few: what is not there
/// when the process is killed travels again.
const BLOCKS_WRITING_MAX: usize = 2;

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream failed or ended early.
    #[error("receiving the file")]
    Stream(#[source] io::Error),
    /// The peer sent nearly nothing for a minute.
    #[error("the other side stopped sending the file")]
    Stalled,
    /// The receiver does not want it any more.
    #[error("the transfer was given up for another one")]
    Stopped,
    /// What came is no part of such a file.
    #[error("the file's stream makes no sense: {0}")]
    Nonsense(&'static str),
    /// A block is not the one that was announced.
    #[error("block {0} is damaged")]
    Damaged(u64),
    /// The disk did not take it.
    #[error("writing the file")]
    Write(#[source] io::Error),
}

/// Takes note of the blocks that arrive.
pub trait BlockReceiver {
    /// Whether this block may come; its bytes are written over what lies in its place.
    ///
    /// # Errors
    /// Why not, which ends the transfer.
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError>;

    /// The block has come, and is written.
    ///
    /// # Errors
    /// Why the transfer ends with it.
    fn block_written(&mut self, index: u64, value: BlockHash) -> Result<(), ReceiveError>;
}

/// What came of a transfer, however it ended.
#[derive(Debug)]
pub struct Received<R> {
    /// The file, with all that has come: written, and not synced.
    pub file: PartialFile,
    /// What its receiver is now.
    pub receiver: R,
    /// The digest that the sender told at the end.
    pub digest: Result<Digest, ReceiveError>,
}

/// Receives blocks in ascending order, each at most once, and writes them into `part`. Ends early when
/// `stop` does and nothing more has come. `progress` hears the number of bytes of every piece that came.
///
/// # Cancel safety
/// Not cancel safe: what has come stays in the file, which may still be open for a moment.
pub async fn receive<R: BlockReceiver>(
    stream: &mut (impl AsyncRead + Unpin),
    layout: Layout,
    (file, receiver): (PartialFile, R),
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(u64),
) -> Received<R> {
    let mut stream =
        StallDetectingStream { stream, pace: StallDetector::default(), stop: pin!(stop) };
    let mut writer = BlockWriter::new(file, receiver, layout);
    let came = writer.take_all(&mut stream, &mut progress).await;
    // Also after an error: what has come stays, and nobody writes any more when this returns.
    let written = writer.finish().await;
    let BlockWriter { file, receiver, .. } = writer;
    Received { file, receiver, digest: written.and(came) }
}

/// A stream that is read until nothing more comes, and nobody wants to wait for more.
struct StallDetectingStream<'a, S, F> {
    stream: &'a mut S,
    pace: StallDetector,
    stop: Pin<&'a mut F>,
}

impl<S: AsyncRead + Unpin, F: Future<Output = ()>> StallDetectingStream<'_, S, F> {
    async fn header(&mut self) -> Result<BlockHeader, ReceiveError> {
        let header = frame::read(self.stream, FILE_HEADER_BYTES_MAX);
        match in_time(whole(header), &mut self.stop).await? {
            Ok(header) => Ok(header),
            Err(frame::ReadError::Stream(error)) => Err(ReceiveError::Stream(error)),
            Err(_) => Err(ReceiveError::Nonsense("no block begins there")),
        }
    }

    /// Gathers a whole block: the digest is slow with little at a time.
    async fn fill(
        &mut self,
        bytes: &mut [u8],
        progress: &mut impl FnMut(u64),
    ) -> Result<(), ReceiveError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let reading = self.pace.bytes(self.stream.read(rest));
            let read = in_time(reading, &mut self.stop).await?;
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

/// What is read, where that comes fast enough and before anybody says stop.
async fn in_time<T>(
    reading: impl Future<Output = Result<T, Stalled>>,
    stop: &mut Pin<&mut impl Future<Output = ()>>,
) -> Result<T, ReceiveError> {
    tokio::select! {
        biased;
        read = reading => read.map_err(|Stalled| ReceiveError::Stalled),
        () = stop => Err(ReceiveError::Stopped),
    }
}

/// Takes blocks from a stream, and has them hashed and written while the next ones come.
struct BlockWriter<R> {
    file: PartialFile,
    receiver: R,
    layout: Layout,
    buffers: BufferPool,
    /// In the order in which they came.
    writing: VecDeque<JoinHandle<io::Result<(u64, BlockHash)>>>,
    /// The first block that has not come and was not passed over.
    next: u64,
}

impl<R: BlockReceiver> BlockWriter<R> {
    fn new(file: PartialFile, receiver: R, layout: Layout) -> Self {
        let buffers = BufferPool::of(layout);
        Self { file, receiver, layout, buffers, writing: VecDeque::new(), next: 0 }
    }

    /// Takes blocks until the end is told.
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
            self.write(index, block);
        }
    }

    fn begin(&mut self, index: u64) -> Result<(), ReceiveError> {
        if index < self.next || index >= self.layout.blocks() {
            return Err(ReceiveError::Nonsense("a block out of turn"));
        }
        self.receiver.begin_block(index)?;
        self.next = index.saturating_add(1);
        Ok(())
    }

    fn write(&mut self, index: u64, block: BlockBuffer) {
        let (disk, layout): (Arc<BlockFile>, _) = (self.file.disk(), self.layout);
        self.writing.push_back(spawn_blocking(move || {
            let value = hash_block(layout, index, block.as_ref());
            disk.write(block.as_ref(), layout.bytes_of(index).start)?;
            Ok((index, value))
        }));
    }

    /// Waits until the first of those under way is written.
    async fn written(&mut self) -> Result<(), ReceiveError> {
        let Some(first) = self.writing.pop_front() else { return Ok(()) };
        let (index, value) = joined(first).await.map_err(ReceiveError::Write)?;
        self.receiver.block_written(index, value)
    }

    /// Waits until all are, and says what was wrong first.
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
