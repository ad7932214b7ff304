//! From a stream to a disk.

use std::io;
use std::pin::{Pin, pin};

use qchat_proto::command::BlockHeader;
use qchat_proto::limits::FILE_HEADER_BYTES_MAX;
use qchat_proto::{BlockValue, Digest, frame};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::values::BlockHasher;
use crate::{Layout, PIECE_BYTES, Part, STALL_MAX};

/// How many pieces may wait for the disk. Few: what waits when the process is killed travels again.
const PIECES_WAITING_MAX: usize = 2;

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream failed or ended early.
    #[error("receiving the file")]
    Stream(#[source] io::Error),
    /// The peer sent no byte for a minute.
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

/// Who keeps account of the blocks that arrive. Called from the thread that writes them.
pub trait Account: Send + 'static {
    /// Whether this block may come; its bytes are written over what lies in its place.
    ///
    /// # Errors
    /// Why not, which ends the transfer.
    fn begins(&mut self, index: u64) -> Result<(), ReceiveError>;

    /// The block has come, and is written.
    ///
    /// # Errors
    /// Why the transfer ends with it.
    fn arrived(&mut self, index: u64, value: BlockValue) -> Result<(), ReceiveError>;
}

/// What came of a transfer, however it ended.
#[derive(Debug)]
pub struct Received<A> {
    /// The part, with all that has come: written, and not synced.
    pub part: Part,
    /// What its account is now.
    pub account: A,
    /// The digest that the sender told at the end.
    pub end: Result<Digest, ReceiveError>,
}

/// What the stream's task hands to the disk's thread.
#[derive(Debug)]
enum Arriving {
    Block(u64),
    Bytes(Vec<u8>),
    End(Digest),
}

/// Receives blocks in ascending order, each at most once, and writes them into `part`. Ends early when
/// `stop` does and nothing more has come. `progress` hears the number of bytes of every piece that came.
///
/// # Cancel safety
/// Not cancel safe: what has come stays in the part, which may still be open for a moment.
pub async fn receive<A: Account>(
    stream: &mut (impl AsyncRead + Unpin),
    layout: Layout,
    (part, account): (Part, A),
    stop: impl Future<Output = ()>,
    mut progress: impl FnMut(u64),
) -> Received<A> {
    let (pieces, arriving) = mpsc::channel(PIECES_WAITING_MAX);
    let writer = Writer { part, account, layout, block: None, next: 0 };
    let writer = spawn_blocking(move || writer.write(arriving));
    let mut stream = Stoppable { stream, stop: pin!(stop) };
    let came = pass_on(&mut stream, layout, &pieces, &mut progress).await;
    drop(pieces);
    let received = ended(writer).await;
    Received { end: came.and(received.end), ..received }
}

/// Waits for a thread. Its panic becomes that of the task that waits.
pub(crate) async fn ended<T>(thread: JoinHandle<T>) -> T {
    match thread.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

/// Hands what arrives to the writer, until the end was told or the writer has failed.
async fn pass_on(
    stream: &mut Stoppable<'_, impl AsyncRead + Unpin, impl Future<Output = ()>>,
    layout: Layout,
    pieces: &mpsc::Sender<Arriving>,
    progress: &mut impl FnMut(u64),
) -> Result<(), ReceiveError> {
    loop {
        let index = match stream.header().await? {
            BlockHeader::Block(index) => index,
            BlockHeader::End(digest) => {
                // Where the writer has failed, it says why.
                let _ = pieces.send(Arriving::End(digest)).await;
                return Ok(());
            }
        };
        if pieces.send(Arriving::Block(index)).await.is_err() {
            return Ok(());
        }
        let mut missing = layout.length_of(index);
        while missing > 0 {
            let piece = stream.piece(missing).await?;
            let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
            missing = missing.saturating_sub(length);
            progress(length);
            if pieces.send(Arriving::Bytes(piece)).await.is_err() {
                return Ok(());
            }
        }
    }
}

/// A stream that is read until nothing more comes, and nobody wants to wait for more.
struct Stoppable<'a, S, F> {
    stream: &'a mut S,
    stop: Pin<&'a mut F>,
}

impl<S: AsyncRead + Unpin, F: Future<Output = ()>> Stoppable<'_, S, F> {
    async fn header(&mut self) -> Result<BlockHeader, ReceiveError> {
        let header = frame::read(self.stream, FILE_HEADER_BYTES_MAX);
        match in_time(header, &mut self.stop).await? {
            Ok(header) => Ok(header),
            Err(frame::ReadError::Stream(error)) => Err(ReceiveError::Stream(error)),
            Err(_) => Err(ReceiveError::Nonsense("no block begins there")),
        }
    }

    /// Gathers a piece: many small reads would make hashing five times slower.
    async fn piece(&mut self, missing: u64) -> Result<Vec<u8>, ReceiveError> {
        let wanted = usize::try_from(missing).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let mut piece = Vec::with_capacity(wanted);
        let mut limited = self.stream.take(u64::try_from(wanted).unwrap_or(u64::MAX));
        while piece.len() < wanted {
            match in_time(limited.read_buf(&mut piece), &mut self.stop).await? {
                Ok(0) => return Err(ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into())),
                read => read.map_err(ReceiveError::Stream)?,
            };
        }
        Ok(piece)
    }
}

/// What is read, where that comes before a minute has gone and before anybody says stop.
async fn in_time<T>(
    reading: impl Future<Output = T>,
    stop: &mut Pin<&mut impl Future<Output = ()>>,
) -> Result<T, ReceiveError> {
    tokio::select! {
        biased;
        read = timeout(STALL_MAX, reading) => read.map_err(|_| ReceiveError::Stalled),
        () = stop => Err(ReceiveError::Stopped),
    }
}

/// The disk's side: writes and hashes.
struct Writer<A> {
    part: Part,
    account: A,
    layout: Layout,
    /// The block that comes: its number, its value so far, and where its next byte goes.
    block: Option<(u64, BlockHasher, u64)>,
    /// The first block that has not come and was not passed over.
    next: u64,
}

impl<A: Account> Writer<A> {
    fn write(mut self, mut arriving: mpsc::Receiver<Arriving>) -> Received<A> {
        let mut end = Err(ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into()));
        while let Some(piece) = arriving.blocking_recv() {
            let taken = match piece {
                Arriving::Block(index) => self.begin(index),
                Arriving::Bytes(bytes) => self.take(&bytes),
                Arriving::End(digest) => {
                    end = Ok(digest);
                    break;
                }
            };
            if let Err(error) = taken {
                end = Err(error);
                break;
            }
        }
        Received { part: self.part, account: self.account, end }
    }

    fn begin(&mut self, index: u64) -> Result<(), ReceiveError> {
        if index < self.next || index >= self.layout.blocks() {
            return Err(ReceiveError::Nonsense("a block out of turn"));
        }
        self.account.begins(index)?;
        self.next = index.saturating_add(1);
        let place = self.layout.bytes_of(index).start;
        self.block = Some((index, BlockHasher::new(self.layout, index), place));
        Ok(())
    }

    fn take(&mut self, bytes: &[u8]) -> Result<(), ReceiveError> {
        let Some((index, hasher, place)) = &mut self.block else { return Ok(()) };
        hasher.update(bytes);
        self.part.write(bytes, *place).map_err(ReceiveError::Write)?;
        *place = place.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        if *place == self.layout.bytes_of(*index).end {
            let (index, value) = (*index, hasher.value());
            self.block = None;
            self.account.arrived(index, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "receive_tests.rs"]
mod tests;
