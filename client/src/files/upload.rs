//! Sending a file.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::command::{BlockHashes, Upload, UploadOpening};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::{
    Address, BlockHash, ClientId, Digest, FilePath, Message, TransferId, frame, quic_codes,
};
use qchat_transfer::{BlockFile, BlockFilter, Layout, SendError, SendProgress};
use quinn::{SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::connection::Link;
use crate::connection::{ANSWER_MAX, Call};
use crate::error::{CallError, DamagedError, LinkError, LocalFileReason};
use crate::files::local_file::{LocalFile, Witness};
use crate::files::progress::Progress;

/// How long the server may take to bring the whole file to its disk once it has the last byte.
const VERDICT_MAX: Duration = Duration::from_secs(60);

/// How long the server may take to read the next blocks of what it has.
const VALUES_MAX: Duration = Duration::from_secs(60);

/// Below the streams of commands, whose priority is 0: bulk never blocks talk.
const FILE_PRIORITY: i32 = -1;

/// A file on its way.
struct Outgoing {
    local: LocalFile,
    transfer: TransferId,
    /// How many of its first blocks the server has in some form.
    kept: u64,
    progress: Progress,
}

pub(crate) async fn send_file(
    link: &Link,
    id: ClientId,
    (to, path, name): (Address, &Path, FilePath),
    mut progress: Progress,
) -> Result<Message, CallError> {
    let local = LocalFile::open(path).await?;
    let (shown, size) = (name.name().clone(), local.size);
    let name = name.with_executable(local.is_executable);
    let transfer = link.new_transfer();
    let upload = Upload { id, to, name, size, transfer };
    let mut call = Call::ask(link, upload).await?;
    match call.opening().await.map_err(without_file)? {
        UploadOpening::AlreadyStored => call.reply().await,
        UploadOpening::SendFile { kept } if kept > Layout::of(local.size).blocks() => {
            Err(DamagedError::Answer("more blocks than the file has".to_owned()).into())
        }
        UploadOpening::SendFile { kept } => {
            progress.started(shown, local.size);
            transmit(link, call, Outgoing { local, transfer, kept, progress }).await
        }
    }
}

/// Sends the file. What does not go through is reset, so that it cannot look complete.
async fn transmit(
    link: &Link,
    mut call: Call<Upload>,
    outgoing: Outgoing,
) -> Result<Message, CallError> {
    let (witness, kept) = (outgoing.local.witness.clone(), outgoing.kept);
    let mut stream = open_stream(link).await?;
    let (theirs, told) = mpsc::unbounded_channel();
    let writing = write(link, &mut stream, outgoing, told);
    let ended = converse(&mut call, (kept, theirs), writing, &witness).await;
    if ended.is_err() {
        // Fails only where the server has stopped the stream or the connection is gone.
        let _ = stream.reset(VarInt::from_u32(quic_codes::TRANSFER_FAILED));
    }
    ended
}

async fn open_stream(link: &Link) -> Result<SendStream, CallError> {
    let opened = match timeout(ANSWER_MAX, link.connection.open_uni()).await {
        Ok(opened) => opened.map_err(LinkError::from),
        Err(_) => Err(LinkError::NoAnswer(ANSWER_MAX)),
    };
    let stream = opened.map_err(CallError::NotSent)?;
    // Fails only for a stream that is closed.
    let _ = stream.set_priority(FILE_PRIORITY);
    Ok(stream)
}

/// Sends the file and listens for the verdict at the same time: the server may say no in the middle.
async fn converse(
    call: &mut Call<Upload>,
    (kept, theirs): (u64, mpsc::UnboundedSender<BlockHash>),
    writing: impl Future<Output = Result<(), SendError>>,
    witness: &Witness,
) -> Result<Message, CallError> {
    let effect = call.effect();
    let mut verdict = pin!(async {
        pass_on(call, kept, theirs).await?;
        call.reply_at_leisure().await
    });
    let sent = tokio::select! {
        biased;
        // Dropped only where the verdict is there already, and nobody wants the rest.
        sent = writing => sent,
        early = &mut verdict => return early.map_err(without_file),
    };
    let local_file = |reason| Err(CallError::LocalFile { path: witness.path().to_owned(), reason });
    match sent {
        Ok(()) => timeout(VERDICT_MAX, verdict)
            .await
            .unwrap_or_else(|_| Err(effect.unanswered(LinkError::NoAnswer(VERDICT_MAX)))),
        // The server has stopped the stream, and says why; or the connection is gone.
        Err(SendError::Stream(_) | SendError::Unchosen) => timeout(ANSWER_MAX, verdict)
            .await
            .unwrap_or(Err(CallError::NotSent(LinkError::NoAnswer(ANSWER_MAX))))
            .map_err(without_file),
        Err(SendError::Stalled) => Err(CallError::NotSent(LinkError::Stalled)),
        Err(SendError::Read(error)) => local_file(LocalFileReason::Unreadable(error)),
        Err(SendError::Shorter) => local_file(witness.why(LocalFileReason::Unmeasured).await),
        Err(SendError::Changed) => local_file(witness.why(LocalFileReason::Changed).await),
    }
}

/// Where the link failed before the file was sent whole, there is no message: the server stores none
/// without its file.
fn without_file(error: CallError) -> CallError {
    match error {
        CallError::OutcomeUnknown(failed @ LinkError::ServerFailed(_)) => {
            CallError::OutcomeUnknown(failed)
        }
        CallError::OutcomeUnknown(link) => CallError::NotSent(link),
        other => other,
    }
}

/// Hands on what the server tells of its blocks.
async fn pass_on(
    call: &mut Call<Upload>,
    mut kept: u64,
    theirs: mpsc::UnboundedSender<BlockHash>,
) -> Result<(), CallError> {
    while kept > 0 {
        let values = timeout(VALUES_MAX, call.frame::<BlockHashes>()).await;
        let values = values.unwrap_or(Err(CallError::NotSent(LinkError::Stalled)))?;
        let count = u64::try_from(values.len()).unwrap_or(u64::MAX);
        let wrong = || DamagedError::Answer("another number of blocks than was told".to_owned());
        kept = kept.checked_sub(count).filter(|_| count > 0).ok_or_else(wrong)?;
        for value in values.into_vec() {
            // Where nobody listens any more, the file cannot be read.
            let _ = theirs.send(value);
        }
    }
    Ok(())
}

/// Chooses the blocks that the server has not, or has otherwise.
struct Differing {
    kept: u64,
    /// Not bounded by itself: at most `kept` values are sent, and no file has more than 2^20 blocks. With
    /// a bound, this side could wait for the server to take bytes, and the server for this side to
    /// take values.
    theirs: mpsc::UnboundedReceiver<BlockHash>,
    values: Vec<BlockHash>,
    witness: Witness,
}

impl BlockFilter for Differing {
    async fn wants(&mut self, index: u64, value: BlockHash) -> Result<bool, SendError> {
        self.values.push(value);
        if index >= self.kept {
            return Ok(true);
        }
        let theirs = self.theirs.recv().await.ok_or(SendError::Unchosen)?;
        Ok(theirs != value)
    }

    /// Only now all of the file has been read. If it is another one by now, parts of both may have gone.
    async fn digest(&mut self) -> Result<Digest, SendError> {
        self.witness.check().await.map_err(|_| SendError::Changed)?;
        Ok(qchat_transfer::file_digest(&self.values))
    }
}

/// The header, the blocks that are missing, the digest, and the end.
async fn write(
    link: &Link,
    stream: &mut SendStream,
    outgoing: Outgoing,
    theirs: mpsc::UnboundedReceiver<BlockHash>,
) -> Result<(), SendError> {
    let Outgoing { local, transfer, kept, mut progress } = outgoing;
    write_little(stream, &frame::encode_frame(&FileHeader { transfer })).await?;
    let layout = Layout::of(local.size);
    let mut choice = Differing { kept, theirs, values: Vec::new(), witness: local.witness };
    let told = |step| match step {
        SendProgress::Kept(bytes) => progress.kept(bytes),
        SendProgress::Sent(bytes) => progress.moved(bytes),
    };
    let (disk, blocks) =
        (Arc::new(BlockFile::cached(local.file)), (layout.every_block(), &mut choice));
    let mut outlet = link.windows.outgoing_file(stream);
    qchat_transfer::send(disk, layout, blocks, &mut outlet, told).await?;
    drop(outlet);
    stream.finish().map_err(|error| SendError::Stream(error.into()))
}

async fn write_little(stream: &mut SendStream, bytes: &[u8]) -> Result<(), SendError> {
    match timeout(ANSWER_MAX, stream.write_all(bytes)).await {
        Ok(written) => written.map_err(|error| SendError::Stream(error.into())),
        Err(_) => Err(SendError::Stalled),
    }
}
