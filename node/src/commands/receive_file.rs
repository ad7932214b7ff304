//! A file's bytes on their way in: what is there is looked at and told, what is missing comes.

use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::time::Duration;

use qchat_proto::command::BlockHashes;
use qchat_proto::{BlockHash, Refusal, quic_codes};
use qchat_transfer::{
    BlockReceiver, ExpectedStream, IncomingFile, Layout, PartialFile, ReceiveError, Received,
};
use quinn::{RecvStream, VarInt};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::CommandContext;
use crate::error::CommandError;
use crate::error_chain::chain;
use crate::fs::{blocking, free_bytes};

/// How long the client may take to open the file's stream, and to end it.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

/// How many values are told at a time: those of 64 MiB, so that the client hears of them while the rest
/// is read.
const VALUES_TOLD: usize = 64;

/// A file that comes.
pub(super) struct FileReceiver {
    pub(super) layout: Layout,
    /// Somebody else goes on with it.
    pub(super) superseded: CancellationToken,
    /// How much of the disk is kept free of files, in bytes.
    pub(super) floor: u64,
}

/// All of a file, proven, and not synced.
pub(super) struct Whole {
    pub(super) part: PartialFile,
    pub(super) values: Vec<BlockHash>,
}

/// The values of a file's blocks so far: of those that lay there, and of those that came.
#[derive(Debug)]
struct Values {
    list: Vec<BlockHash>,
    /// The first block that has neither lain there nor begun to come.
    next: u64,
    came: u64,
    keeps_free: KeepsFree,
}

/// Ends what would take the last of a disk that others fill meanwhile: messages need some of it. Half of
/// what must be free in the beginning, which has gone by then only where others took it.
#[derive(Debug)]
struct KeepsFree {
    folder: PathBuf,
    floor: u64,
}

impl KeepsFree {
    fn check(&self) -> Result<(), ReceiveError> {
        match free_bytes(&self.folder) {
            Ok(free) if free < self.floor / 2 => {
                Err(ReceiveError::Write(io::ErrorKind::StorageFull.into()))
            }
            // A disk that does not say is left to say it when it is written to.
            _ => Ok(()),
        }
    }
}

impl BlockReceiver for Values {
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError> {
        self.keeps_free.check()?;
        if index > self.next {
            return Err(ReceiveError::Nonsense("a block is missing before it"));
        }
        self.next = self.next.max(index.saturating_add(1));
        Ok(())
    }

    fn block_written(&mut self, index: u64, value: BlockHash) -> Result<(), ReceiveError> {
        self.came = self.came.saturating_add(1);
        match usize::try_from(index).ok().and_then(|index| self.list.get_mut(index)) {
            Some(earlier) => *earlier = value,
            None => self.list.push(value),
        }
        Ok(())
    }
}

impl FileReceiver {
    /// Tells what lies in the part, takes what differs or is missing, and checks the digest.
    pub(super) async fn receive(
        &self,
        context: &mut CommandContext,
        (part, kept): (PartialFile, u64),
        mut waiting: ExpectedStream<RecvStream>,
    ) -> Result<Whole, CommandError> {
        let (part, values) = self.tell_values(context, part, kept).await?;
        let stream = async { timeout(STREAM_TIME_MAX, waiting.stream()).await.ok().flatten() };
        let stream = self.superseded.run_until_cancelled(stream).await.flatten();
        let mut stream = stream.ok_or(Refusal::TransferFailed)?;
        let keeps_free =
            KeepsFree { folder: context.state.file_store.folder().to_owned(), floor: self.floor };
        let next = u64::try_from(values.len()).unwrap_or(u64::MAX);
        let values = Values { list: values, next, came: 0, keeps_free };
        let receiving = context.windows.incoming_file();
        let received = self.take(&mut stream, &receiving, part, values).await;
        drop(receiving);
        if received.is_err() {
            // Fails only where the client ended the stream before.
            let _ = stream.stop(VarInt::from_u32(quic_codes::TRANSFER_FAILED));
        }
        received
    }

    /// Reads the blocks that lie in the part and tells their values while it does.
    async fn tell_values(
        &self,
        context: &mut CommandContext,
        part: PartialFile,
        kept: u64,
    ) -> Result<(PartialFile, Vec<BlockHash>), CommandError> {
        let (layout, superseded) = (self.layout, self.superseded.clone());
        let (values, mut rows_read) = mpsc::channel(4);
        let reading = spawn_blocking(move || {
            let mut batch = Vec::new();
            let read = part.hash_blocks(layout, 0..kept, |index, value| {
                batch.push(value);
                let is_full = batch.len() == VALUES_TOLD || index.saturating_add(1) == kept;
                let told = !is_full || values.blocking_send(std::mem::take(&mut batch)).is_ok();
                match told && !superseded.is_cancelled() {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
            read.map(|()| part)
        });
        let mut all = Vec::new();
        while let Some(batch) = rows_read.recv().await {
            all.extend_from_slice(&batch);
            context.send_opening(&BlockHashes::first_of(batch)).await?;
        }
        let part = reading.await.map_err(CommandError::failed)?.map_err(CommandError::failed)?;
        match u64::try_from(all.len()) == Ok(kept) {
            true => Ok((part, all)),
            false => Err(Refusal::TransferFailed.into()),
        }
    }

    async fn take(
        &self,
        stream: &mut RecvStream,
        receiving: &IncomingFile,
        part: PartialFile,
        values: Values,
    ) -> Result<Whole, CommandError> {
        let (kept, stop) = (values.list.len(), self.superseded.cancelled());
        let to = (part, values);
        let came = |bytes| receiving.received(bytes);
        let received = qchat_transfer::receive(stream, self.layout, to, stop, came).await;
        let Received { file: part, receiver: Values { list: values, came, .. }, digest } = received;
        let (is_whole, of) = (digest.is_ok(), self.layout.blocks());
        tracing::debug!(kept, came, of, is_whole, "blocks of a file have come");
        let announced = digest.map_err(|error| match error {
            ReceiveError::Write(error) if error.kind() == io::ErrorKind::StorageFull => {
                let (size, floor) = (self.layout.size(), self.floor);
                Refusal::NoRoomForFile { size, free: 0, floor }.into()
            }
            ReceiveError::Write(_) => CommandError::failed(error),
            error => interrupted(&chain(&error)),
        })?;
        let is_whole = u64::try_from(values.len()) == Ok(of);
        if !is_whole || qchat_transfer::file_digest(&values) != announced {
            // No block of it can be told from a wrong one.
            remove_part(part).await;
            return Err(interrupted("the digest is that of another content"));
        }
        match timeout(STREAM_TIME_MAX, stream_end(stream)).await {
            Ok(Ok(())) => Ok(Whole { part, values }),
            Ok(Err(error)) => Err(interrupted(&chain(&error))),
            Err(_) => Err(interrupted("the stream does not end")),
        }
    }
}

/// Removes a partial file that no upload needs. If that fails, the cleanup task removes it later.
pub(super) async fn remove_part(part: PartialFile) {
    if let Err(error) = blocking(move || part.remove()).await {
        tracing::debug!(%error, "a partial file was not removed");
    }
}

fn interrupted(reason: &str) -> CommandError {
    tracing::debug!(reason, "a file did not arrive");
    Refusal::TransferFailed.into()
}

async fn stream_end(stream: &mut RecvStream) -> io::Result<()> {
    match AsyncReadExt::read(stream, &mut [0]).await? {
        0 => Ok(()),
        _ => Err(io::Error::other("more bytes than announced")),
    }
}
