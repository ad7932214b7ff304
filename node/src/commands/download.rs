//! Downloads: the block hashes of a file, and the requested blocks.

use std::ops::Range;
use std::time::Duration;

use qchat_proto::command::{
    BlockHashes, BlockPage, BlockRange, Done, Download, FileBlocks, FilePage, FilesBelow,
};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::{BlockHash, BoundedVec, Digest, File, Refusal, frame, quic_codes};
use qchat_transfer::{BlockFilter, Layout, OutgoingFile, SendError};
use quinn::{SendStream, VarInt};
use tokio::time::timeout;

use super::address;
use crate::auth::SignedIn;
use crate::connection::{CommandContext, Handler, Scheduling};
use crate::error::{CommandError, CommandResult};
use crate::error_chain::error_chain;
use crate::files::{FileSource, OpenFile, UploadKey};
use crate::store::queries::SentFile;

/// How long the client may take to allow one more stream, and to read the rest of one.
const STREAM_TIME_MAX: Duration = Duration::from_secs(30);

/// Files come after answers: quinn sends streams of a higher priority first.
const FILE_PRIORITY: i32 = -1;

impl Handler for FileBlocks {
    type Caller = SignedIn;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<BlockPage> {
        let log = address(self.log, &caller.user);
        let SentFile { file, sender, id } =
            context.state.store.file(caller.user.clone(), log, self.file).await??;
        let key = UploadKey { user: sender, id };
        let OpenFile { hashes: values, .. } =
            context.state.file_store.storage.open_file(&file, &key).await?;
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        let values = values.get(first..).unwrap_or_default();
        Ok(BlockPage { file, values: BlockHashes::first_of(values.iter().copied()) })
    }
}

impl Handler for FilesBelow {
    type Caller = SignedIn;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<FilePage> {
        let log = address(self.log, &caller.user);
        let wanted = (self.folder, self.after);
        let (files, next) = context.state.store.files_below(caller.user, log, wanted).await??;
        Ok(FilePage { files: BoundedVec::first_of(files), next })
    }
}

impl Handler for Download {
    type Caller = SignedIn;

    const SCHEDULING: Scheduling = Scheduling::Streaming;

    async fn run(self, caller: SignedIn, context: &mut CommandContext) -> CommandResult<Done> {
        let log = address(self.log, &caller.user);
        let SentFile { file, sender, id } =
            context.state.store.file(caller.user.clone(), log, self.file).await??;
        let key = UploadKey { user: sender, id };
        let layout = Layout::of(file.size);
        let blocks = runs(&self.blocks, layout).ok_or(Refusal::TransferFailed)?;
        let slot = context.state.file_store.transfer_slot(&caller.user)?;
        let OpenFile { source, hashes: values } =
            context.state.file_store.storage.open_file(&file, &key).await?;
        // Threads may read its blocks for a while after the session has ended.
        source.keep_guard(slot);
        let opened = timeout(STREAM_TIME_MAX, context.connection.open_uni()).await;
        let Ok(Ok(mut stream)) = opened else { return Err(Refusal::TransferFailed.into()) };
        let header = FileHeader { transfer: self.transfer };
        let mut checked =
            CheckedBlocks { file: file.clone(), values, sent_blocks: 0, damaged: None };
        let sending = async {
            begin(&mut stream, header).await?;
            let outlet = context.windows.outgoing_file(&mut stream);
            send(outlet, (source, layout), (blocks, &mut checked)).await?;
            stream.finish().map_err(gone)
        };
        let sent = context.state.while_signed_in(&caller, sending).await;
        if sent.is_err() {
            // quinn finishes a dropped stream, which would look complete to the peer.
            let _ = stream.reset(VarInt::from_u32(quic_codes::TRANSFER_FAILED));
        }
        sent?;
        match checked.damaged {
            None => Ok(Done),
            Some(block) => {
                // The undamaged blocks have to arrive before the refusal that ends the download.
                let _ = timeout(STREAM_TIME_MAX, stream.stopped()).await;
                Err(Refusal::FileDamaged { name: file.name, block }.into())
            }
        }
    }
}

/// The requested runs of blocks; `None` if they are not ascending or beyond the file's end.
fn runs(asked: &[BlockRange], layout: Layout) -> Option<Vec<Range<u64>>> {
    let mut next = 0;
    let mut runs = Vec::new();
    for BlockRange { first, count } in asked {
        let end = first.checked_add(*count)?;
        if *first < next || *count == 0 || end > layout.blocks() {
            return None;
        }
        runs.push(*first..end);
        next = end;
    }
    Some(runs)
}

/// Passes on the blocks whose hash is the stored one.
struct CheckedBlocks {
    file: File,
    values: Vec<BlockHash>,
    sent_blocks: u64,
    /// The first damaged block.
    damaged: Option<u64>,
}

impl BlockFilter for CheckedBlocks {
    async fn wants(&mut self, index: u64, value: BlockHash) -> Result<bool, SendError> {
        let stored = usize::try_from(index).ok().and_then(|index| self.values.get(index));
        if stored == Some(&value) {
            self.sent_blocks = self.sent_blocks.saturating_add(1);
            return Ok(true);
        }
        let from = Layout::of(self.file.size).bytes_of(index).start;
        tracing::error!(file = %self.file.name, block = index, from, "a stored file is damaged");
        self.damaged.get_or_insert(index);
        Ok(false)
    }

    async fn digest(&mut self) -> Result<Digest, SendError> {
        Ok(self.file.digest)
    }
}

/// The refusal for a peer that does not read the stream any more.
fn gone<E>(_: E) -> CommandError {
    Refusal::TransferFailed.into()
}

async fn begin(stream: &mut SendStream, header: FileHeader) -> CommandResult<()> {
    stream.set_priority(FILE_PRIORITY).map_err(gone)?;
    stream.write_all(&frame::encode_frame(&header)).await.map_err(gone)
}

/// Sends the undamaged blocks.
async fn send(
    mut outlet: OutgoingFile<'_>,
    (source, layout): (FileSource, Layout),
    (blocks, checked): (Vec<Range<u64>>, &mut CheckedBlocks),
) -> CommandResult<()> {
    let what = (blocks, &mut *checked);
    let sent = qchat_transfer::send(source, layout, what, &mut outlet, |_| ()).await;
    sent.map_err(|error| match error {
        SendError::Read(_) | SendError::Shorter => CommandError::failed(error),
        error => {
            tracing::debug!(reason = error_chain(&error), "a file was not taken");
            Refusal::TransferFailed.into()
        }
    })?;
    let CheckedBlocks { file, sent_blocks, .. } = checked;
    tracing::debug!(file = %file.name, went = sent_blocks, of = layout.blocks(), "blocks of a file have gone");
    Ok(())
}

#[cfg(test)]
mod tests;
