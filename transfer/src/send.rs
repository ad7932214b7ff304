//! From a disk to a stream.

use std::fs::File;
use std::io;
use std::ops::Range;

use qchat_proto::command::BlockHeader;
use qchat_proto::{BlockValue, Digest, frame};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::part::read_block;
use crate::receive::ended;
use crate::values::value_of;
use crate::{BLOCK_LENGTH, Layout, PIECE_BYTES, STALL_MAX};

/// How many blocks may wait between the disk's thread and the stream.
const BLOCKS_WAITING_MAX: usize = 2;

/// Why a file was not sent whole.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The file could not be read.
    #[error("reading the file")]
    Read(#[source] io::Error),
    /// The file ended before its announced length.
    #[error("the file became shorter while it was sent")]
    Shorter,
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

/// Who says which blocks travel. Called from the thread that reads them.
pub trait Choice: Send + 'static {
    /// Whether the block with this value goes. Asked for each block once, in ascending order.
    ///
    /// # Errors
    /// Why the transfer ends here.
    fn goes(&mut self, index: u64, value: BlockValue) -> Result<bool, SendError>;

    /// The digest that is told after the last block.
    fn digest(&self) -> Digest;
}

/// What happened to bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many were looked at and need not go.
    Kept(u64),
    /// So many were taken by the stream.
    Moved(u64),
}

/// What came of a transfer, however it ended.
#[derive(Debug)]
pub struct Sent<C> {
    /// Who chose, to be asked what was seen. `None` where that thread is still reading.
    pub choice: Option<C>,
    /// Whether everything was handed over.
    pub end: Result<(), SendError>,
}

/// What the disk's thread hands to the stream's task.
enum Going {
    Kept(u64),
    Block(u64, Vec<u8>),
    End(Digest),
}

/// Sends those of `blocks` that `choice` chooses, and the digest. The runs are in ascending order.
/// `progress` hears what becomes of the bytes.
///
/// # Cancel safety
/// Not cancel safe: the stream holds part of the file afterwards and is to be reset.
pub async fn send<C: Choice>(
    file: File,
    layout: Layout,
    (blocks, choice): (Vec<Range<u64>>, C),
    stream: &mut (impl AsyncWrite + Unpin),
    mut progress: impl FnMut(Step),
) -> Sent<C> {
    let (pieces, mut going) = mpsc::channel(BLOCKS_WAITING_MAX);
    let reader = spawn_blocking(move || {
        let mut choice = choice;
        let end = read_blocks(&file, layout, blocks, &mut choice, &pieces);
        (choice, end)
    });
    while let Some(piece) = going.recv().await {
        if let Err(error) = write(stream, piece, &mut progress).await {
            // The reader ends at its next block, or when its next choice is made.
            return Sent { choice: None, end: Err(error) };
        }
    }
    let (choice, end) = ended(reader).await;
    Sent { choice: Some(choice), end }
}

async fn write(
    stream: &mut (impl AsyncWrite + Unpin),
    piece: Going,
    progress: &mut impl FnMut(Step),
) -> Result<(), SendError> {
    match piece {
        Going::Kept(bytes) => {
            progress(Step::Kept(bytes));
            Ok(())
        }
        Going::End(digest) => write_bytes(stream, &header(BlockHeader::End(digest))).await,
        Going::Block(index, block) => {
            write_bytes(stream, &header(BlockHeader::Block(index))).await?;
            for piece in block.chunks(PIECE_BYTES) {
                write_bytes(stream, piece).await?;
                progress(Step::Moved(u64::try_from(piece.len()).unwrap_or(u64::MAX)));
            }
            Ok(())
        }
    }
}

fn header(header: BlockHeader) -> Vec<u8> {
    frame::encode_frame(&header)
}

async fn write_bytes(
    stream: &mut (impl AsyncWrite + Unpin),
    bytes: &[u8],
) -> Result<(), SendError> {
    match timeout(STALL_MAX, stream.write_all(bytes)).await {
        Ok(written) => written.map_err(SendError::Stream),
        Err(_) => Err(SendError::Stalled),
    }
}

/// Reads and hashes until all blocks were looked at, or until nobody listens any more.
fn read_blocks(
    file: &File,
    layout: Layout,
    blocks: Vec<Range<u64>>,
    choice: &mut impl Choice,
    pieces: &mpsc::Sender<Going>,
) -> Result<(), SendError> {
    for index in blocks.into_iter().flatten() {
        let mut block = Vec::with_capacity(BLOCK_LENGTH);
        read_block(file, layout, index, &mut block).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => SendError::Shorter,
            _ => SendError::Read(error),
        })?;
        let piece = match choice.goes(index, value_of(layout, index, &block))? {
            true => Going::Block(index, block),
            false => Going::Kept(layout.length_of(index)),
        };
        if pieces.blocking_send(piece).is_err() {
            return Ok(());
        }
    }
    // Where nobody listens, the stream has failed, and says why.
    let _ = pieces.blocking_send(Going::End(choice.digest()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::tests::noise;

    /// Sends every block but one, and keeps the values.
    struct AllBut(Option<u64>, Vec<BlockValue>);

    impl Choice for AllBut {
        fn goes(&mut self, index: u64, value: BlockValue) -> Result<bool, SendError> {
            self.1.push(value);
            Ok(self.0 != Some(index))
        }

        fn digest(&self) -> Digest {
            crate::digest(&self.1)
        }
    }

    fn file_with(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    async fn sent(content: &[u8], size: usize, but: Option<u64>) -> (Vec<u8>, [u64; 2], bool) {
        let layout = Layout::of(size.try_into().unwrap());
        let (mut stream, mut told) = (Vec::new(), [0, 0]);
        let sent = send(
            file_with(content),
            layout,
            (layout.every_block(), AllBut(but, Vec::new())),
            &mut stream,
            |step| match step {
                Step::Kept(bytes) => told[0] += bytes,
                Step::Moved(bytes) => told[1] += bytes,
            },
        )
        .await;
        (stream, told, matches!(sent.end, Err(SendError::Shorter)))
    }

    fn block(index: u64, bytes: &[u8]) -> Vec<u8> {
        [header(BlockHeader::Block(index)), bytes.to_vec()].concat()
    }

    #[tokio::test]
    async fn exactly_the_announced_bytes_are_sent_and_the_digest() {
        let content = noise(BLOCK_LENGTH + 9);
        let size = content.len() - 1;
        let end = header(BlockHeader::End(Digest(blake3::hash(&content[..size]).into())));
        let (first, rest) = content[..size].split_at(BLOCK_LENGTH);
        let all = [block(0, first), block(1, rest), end.clone()].concat();
        assert_eq!(sent(&content, size, None).await, (all, [0, (1 << 20) + 8], false));
        let without = [block(1, rest), end].concat();
        assert_eq!(sent(&content, size, Some(0)).await, (without, [1 << 20, 8], false));
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error() {
        assert!(sent(b"abc", 4, None).await.2);
    }
}
