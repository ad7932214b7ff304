//! The bytes of an upload: the blocks of the partial file are hashed and reported, and the missing blocks are
//! received.

use std::io;
use std::time::Duration;

use qchat_proto::command::BlockHashes;
use qchat_proto::{BlockHash, Refusal, quic_codes};
use qchat_transfer::{BlockReceiver, ExpectedStream, IncomingFile, Layout, ReceiveError, Received};
use quinn::{RecvStream, VarInt};
use tokio::io::AsyncReadExt;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::connection::CommandContext;
use crate::error::{CommandError, CommandResult};
use crate::error_chain::error_chain;
use crate::files::{OpenUpload, Storage};

/// How long the client may take to open the file's stream, and to finish it.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

/// Receives one file.
pub(super) struct FileReceiver {
    pub(super) layout: Layout,
    /// Cancelled when another connection goes on with the upload.
    pub(super) superseded: CancellationToken,
    /// How much of the disk is kept free of files, in bytes.
    pub(super) floor: u64,
}

/// A complete file with the right digest, not synced yet.
pub(super) struct ReceivedFile {
    pub(super) upload: OpenUpload,
    pub(super) hashes: Vec<BlockHash>,
}

/// The hashes of the blocks that were kept or received so far.
#[derive(Debug)]
struct ReceivedHashes {
    list: Vec<BlockHash>,
    /// The first block that was neither kept nor begun.
    next: u64,
    received_blocks: u64,
    free_space: FreeSpaceCheck,
}

/// Ends an upload that would fill the disk: messages need some of it. The limit is half of the free space
/// that is demanded at the beginning, so it is reached only if other programs fill the disk.
#[derive(Debug)]
struct FreeSpaceCheck {
    storage: Storage,
    floor: u64,
}

impl FreeSpaceCheck {
    fn check(&self) -> Result<(), ReceiveError> {
        match self.storage.free_bytes() {
            Ok(free) if free < self.floor / 2 => {
                Err(ReceiveError::Write(io::ErrorKind::StorageFull.into()))
            }
            // If the disk does not tell its free space, writing will fail once it is full.
            _ => Ok(()),
        }
    }
}

impl BlockReceiver for ReceivedHashes {
    fn begin_block(&mut self, index: u64) -> Result<(), ReceiveError> {
        self.free_space.check()?;
        if index > self.next {
            return Err(ReceiveError::Invalid("a block is missing before it"));
        }
        self.next = self.next.max(index.saturating_add(1));
        Ok(())
    }

    fn block_written(&mut self, index: u64, hash: BlockHash) -> Result<(), ReceiveError> {
        self.received_blocks = self.received_blocks.saturating_add(1);
        match usize::try_from(index).ok().and_then(|index| self.list.get_mut(index)) {
            Some(earlier) => *earlier = hash,
            None => self.list.push(hash),
        }
        Ok(())
    }
}

impl FileReceiver {
    /// Reports the kept blocks, receives the others, and checks the digest.
    pub(super) async fn receive(
        &self,
        context: &mut CommandContext,
        (upload, kept): (OpenUpload, u64),
        mut waiting: ExpectedStream<RecvStream>,
    ) -> CommandResult<ReceivedFile> {
        let (upload, hashes) = self.report_hashes(context, upload, kept).await?;
        let stream = async { timeout(STREAM_TIME_MAX, waiting.stream()).await.ok().flatten() };
        let stream = self.superseded.run_until_cancelled(stream).await.flatten();
        let mut stream = stream.ok_or(Refusal::TransferFailed)?;
        let free_space =
            FreeSpaceCheck { storage: context.state.file_store.storage.clone(), floor: self.floor };
        let next = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        let hashes = ReceivedHashes { list: hashes, next, received_blocks: 0, free_space };
        let receiving = context.windows.incoming_file();
        let received = self.take(&mut stream, &receiving, upload, hashes).await;
        drop(receiving);
        if received.is_err() {
            // Fails only if the client has ended the stream before.
            let _ = stream.stop(VarInt::from_u32(quic_codes::TRANSFER_FAILED));
        }
        received
    }

    /// Hashes the kept blocks, and reports the hashes while it reads on.
    async fn report_hashes(
        &self,
        context: &mut CommandContext,
        upload: OpenUpload,
        kept: u64,
    ) -> CommandResult<(OpenUpload, Vec<BlockHash>)> {
        let (sender, mut batches) = mpsc::channel(4);
        let reading = upload.report(self.layout, kept, sender);
        let mut all = Vec::new();
        while let Some(batch) = self.superseded.run_until_cancelled(batches.recv()).await.flatten()
        {
            all.extend_from_slice(&batch);
            context.send_opening(&BlockHashes::first_of(batch)).await?;
        }
        drop(batches);
        let upload = reading.await.map_err(CommandError::failed)?.map_err(CommandError::failed)?;
        match u64::try_from(all.len()) == Ok(kept) {
            true => Ok((upload, all)),
            false => Err(Refusal::TransferFailed.into()),
        }
    }

    async fn take(
        &self,
        stream: &mut RecvStream,
        receiving: &IncomingFile,
        upload: OpenUpload,
        hashes: ReceivedHashes,
    ) -> CommandResult<ReceivedFile> {
        let (kept, stop) = (hashes.list.len(), self.superseded.cancelled());
        let to = (upload, hashes);
        let progress = |bytes| receiving.received(bytes);
        let received = qchat_transfer::receive(stream, self.layout, to, stop, progress).await;
        let Received {
            sink: upload,
            receiver: ReceivedHashes { list: hashes, received_blocks, .. },
            digest,
        } = received;
        let (is_whole, of) = (digest.is_ok(), self.layout.blocks());
        tracing::debug!(kept, came = received_blocks, of, is_whole, "blocks of a file have come");
        let announced = match digest {
            Ok(announced) => announced,
            Err(error) => {
                upload.keep().await;
                return Err(self.failure(error));
            }
        };
        let is_whole = u64::try_from(hashes.len()) == Ok(of);
        if !is_whole || qchat_transfer::file_digest(&hashes) != announced {
            // No block is known to be right.
            upload.discard().await;
            return Err(interrupted("the digest is that of another content"));
        }
        match timeout(STREAM_TIME_MAX, stream_end(stream)).await {
            Ok(Ok(())) => Ok(ReceivedFile { upload, hashes }),
            Ok(Err(error)) => Err(interrupted(&error_chain(&error))),
            Err(_) => Err(interrupted("the stream does not end")),
        }
    }

    fn failure(&self, error: ReceiveError) -> CommandError {
        match error {
            ReceiveError::Write(error) if error.kind() == io::ErrorKind::StorageFull => {
                let (size, floor) = (self.layout.size(), self.floor);
                Refusal::NoRoomForFile { size, free: 0, floor }.into()
            }
            ReceiveError::Write(_) => CommandError::failed(error),
            error => interrupted(&error_chain(&error)),
        }
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
