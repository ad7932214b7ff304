//! From a disk to a stream.

use std::collections::VecDeque;
use std::io;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use qchat_proto::command::BlockHeader;
use qchat_proto::{BlockValue, Digest, frame};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::block_hashes::value_of;
use crate::block_io::Disk;
use crate::blocking_task::joined;
use crate::buffer::{Block, Buffers};
use crate::layout::{BLOCK_LENGTH, Layout};
use crate::stall_detection::{Pace, Stalled};

/// How many blocks are read and hashed ahead of the stream, each in a thread of its own.
const BLOCKS_AHEAD: usize = 3;

/// How many bytes are handed to the stream at a time.
const PIECE_BYTES: usize = 64 * 1024;

/// Why a file was not sent whole.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file could not be read.
    #[error("reading the file")]
    Read(#[source] io::Error),
    /// The file ended before its announced length.
    #[error("the file became shorter while it was sent")]
    Shorter,
    /// The file is not any more what it was when it was opened.
    #[error("the file changed while it was sent")]
    Changed,
    /// The stream did not take the bytes.
    #[error("sending the file")]
    Stream(#[source] io::Error),
    /// The peer took no byte for a minute.
    #[error("the other side stopped taking the file")]
    Stalled,
    /// Whoever chooses the blocks cannot do so any more.
    #[error("nobody says which blocks are wanted")]
    Unchosen,
}

/// Where a file's bytes go.
pub trait Outlet {
    /// Takes some of the bytes, one at the least, when it has room for them; returns how many.
    fn take(&mut self, bytes: &mut Bytes) -> impl Future<Output = io::Result<usize>> + Send;
}

/// Who says which blocks travel.
pub trait Choice {
    /// Whether the block with this value goes. Asked for each block once, in ascending order.
    ///
    /// # Errors
    /// Why the transfer ends here.
    fn goes(
        &mut self,
        index: u64,
        value: BlockValue,
    ) -> impl Future<Output = Result<bool, SendError>> + Send;

    /// The digest that is told after the last block.
    ///
    /// # Errors
    /// Why what has gone is not to count.
    fn digest(&mut self) -> impl Future<Output = Result<Digest, SendError>> + Send;
}

/// What happened to bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many were looked at and need not go.
    Kept(u64),
    /// So many were taken by the stream.
    Moved(u64),
}

/// Sends those of `blocks` that `choice` chooses, and the digest. The runs are in ascending order.
/// `progress` hears what becomes of the bytes.
///
/// # Errors
/// [`SendError`]; the stream holds part of the file then, and is to be reset.
///
/// # Cancel safety
/// Not cancel safe: as with an error.
pub async fn send(
    disk: Arc<Disk>,
    layout: Layout,
    (blocks, choice): (Vec<Range<u64>>, &mut impl Choice),
    outlet: &mut impl Outlet,
    mut progress: impl FnMut(Step),
) -> Result<(), SendError> {
    let mut reader = Reader::new(disk, layout, blocks);
    let mut outlet = Paced { outlet, pace: Pace::default() };
    while let Some((index, value, block)) = reader.next().await? {
        if !choice.goes(index, value).await? {
            progress(Step::Kept(layout.length_of(index)));
            continue;
        }
        outlet.give(header(BlockHeader::Block(index))).await?;
        let mut bytes = Bytes::from_owner(block);
        while !bytes.is_empty() {
            let piece = bytes.split_to(PIECE_BYTES.min(bytes.len()));
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            outlet.give(piece).await?;
            progress(Step::Moved(length));
        }
    }
    let digest = choice.digest().await?;
    outlet.give(header(BlockHeader::End(digest))).await
}

fn header(header: BlockHeader) -> Bytes {
    frame::encode_frame(&header).into()
}

/// An outlet that has to take enough in a minute.
struct Paced<'a, O> {
    outlet: &'a mut O,
    pace: Pace,
}

impl<O: Outlet> Paced<'_, O> {
    async fn give(&mut self, mut bytes: Bytes) -> Result<(), SendError> {
        while !bytes.is_empty() {
            let taken = self.pace.bytes(self.outlet.take(&mut bytes)).await;
            taken.map_err(|Stalled| SendError::Stalled)?.map_err(SendError::Stream)?;
        }
        Ok(())
    }
}

/// Reads and hashes blocks, some ahead, and hands them out in order.
struct Reader<I> {
    disk: Arc<Disk>,
    layout: Layout,
    left: I,
    buffers: Buffers,
    reading: VecDeque<JoinHandle<io::Result<(u64, BlockValue, Block)>>>,
}

impl<I: Iterator<Item = u64>> Reader<I> {
    async fn next(&mut self) -> Result<Option<(u64, BlockValue, Block)>, SendError> {
        while self.reading.len() < BLOCKS_AHEAD
            && let Some(index) = self.left.next()
        {
            let reading = self.read(index);
            self.reading.push_back(reading);
        }
        let Some(first) = self.reading.pop_front() else { return Ok(None) };
        joined(first).await.map(Some).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SendError::Shorter,
            _ => SendError::Read(error),
        })
    }

    fn read(&self, index: u64) -> JoinHandle<io::Result<(u64, BlockValue, Block)>> {
        let (disk, layout, buffers) = (Arc::clone(&self.disk), self.layout, self.buffers.clone());
        let length = usize::try_from(layout.length_of(index)).unwrap_or(BLOCK_LENGTH);
        spawn_blocking(move || {
            let mut block = buffers.block(length);
            disk.read(layout, index, &mut block)?;
            Ok((index, value_of(layout, index, block.as_ref()), block))
        })
    }
}

impl Reader<std::iter::Flatten<std::vec::IntoIter<Range<u64>>>> {
    fn new(disk: Arc<Disk>, layout: Layout, blocks: Vec<Range<u64>>) -> Self {
        let left = blocks.into_iter().flatten();
        Self { disk, layout, left, buffers: Buffers::of(layout), reading: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use tokio::task::yield_now;
    use tokio::time::timeout;

    use super::*;
    use crate::disk_priority::tests::narrow;
    use crate::test_bytes::noise;

    /// Sends every block but one, and keeps the values.
    struct AllBut(Option<u64>, Vec<BlockValue>);

    impl Choice for AllBut {
        async fn goes(&mut self, index: u64, value: BlockValue) -> Result<bool, SendError> {
            self.1.push(value);
            Ok(self.0 != Some(index))
        }

        async fn digest(&mut self) -> Result<Digest, SendError> {
            Ok(crate::block_hashes::digest(&self.1))
        }
    }

    impl Outlet for Vec<u8> {
        async fn take(&mut self, bytes: &mut Bytes) -> io::Result<usize> {
            let taken = std::mem::take(bytes);
            self.extend_from_slice(&taken);
            Ok(taken.len())
        }
    }

    fn file_with(content: &[u8]) -> Arc<Disk> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        Arc::new(Disk::cached(file))
    }

    async fn sent(content: &[u8], size: usize, but: Option<u64>) -> (Vec<u8>, [u64; 2], bool) {
        let layout = Layout::of(size.try_into().unwrap());
        let (mut stream, mut told) = (Vec::new(), [0, 0]);
        let mut choice = AllBut(but, Vec::new());
        let blocks = (layout.every_block(), &mut choice);
        let sent = send(file_with(content), layout, blocks, &mut stream, |step| match step {
            Step::Kept(bytes) => told[0] += bytes,
            Step::Moved(bytes) => told[1] += bytes,
        });
        let is_shorter = matches!(sent.await, Err(SendError::Shorter));
        (stream, told, is_shorter)
    }

    fn block(index: u64, bytes: &[u8]) -> Vec<u8> {
        [&header(BlockHeader::Block(index)), bytes].concat()
    }

    #[tokio::test]
    async fn exactly_the_announced_bytes_are_sent_and_the_digest() {
        let content = noise(5 * BLOCK_LENGTH + 9);
        let size = content.len() - 1;
        let end = header(BlockHeader::End(Digest(blake3::hash(&content[..size]).into())));
        let blocks = content[..size].chunks(BLOCK_LENGTH).zip(0..);
        let blocks: Vec<_> = blocks.map(|(bytes, index)| block(index, bytes)).collect();
        let all = [&blocks.concat()[..], &end].concat();
        assert_eq!(sent(&content, size, None).await, (all, [0, (5 << 20) + 8], false));
        let without = [&blocks[1..].concat()[..], &end].concat();
        assert_eq!(sent(&content, size, Some(0)).await, (without, [1 << 20, (4 << 20) + 8], false));
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error() {
        assert!(sent(b"abc", 4, None).await.2);
        assert!(sent(&noise(BLOCK_LENGTH), BLOCK_LENGTH + 1, None).await.2);
    }

    #[tokio::test]
    async fn what_a_file_holds_is_let_go_when_its_last_read_has_ended() {
        let (lane, place) = (narrow(), Arc::new(()));
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&noise(3 * BLOCK_LENGTH)).unwrap();
        let disk = Arc::new(Disk::received(file, lane.clone()));
        disk.hold(Arc::clone(&place));
        let (layout, mut stream) = (Layout::of(3 << 20), Vec::new());
        let mut choice = AllBut(None, Vec::new());
        // Nobody else is at the disk.
        let turn = lane.turn();
        let blocks = (layout.every_block(), &mut choice);
        let sending = send(disk, layout, blocks, &mut stream, |_| ());
        assert!(timeout(Duration::from_millis(10), sending).await.is_err());
        assert_eq!(Arc::strong_count(&place), 2, "given back while it is read");
        drop(turn);
        let free = async {
            while Arc::strong_count(&place) > 1 {
                yield_now().await;
            }
        };
        timeout(Duration::from_secs(60), free).await.unwrap();
    }
}
