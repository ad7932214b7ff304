//! Sending a file.

use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::command::{BlockHashes, Upload, UploadOpening};
use qchat_proto::file_stream::FileHeader;
use qchat_proto::{
    Address, BlockHash, ClientId, Digest, FileName, FilePath, Message, TransferId, frame,
    quic_codes,
};
use qchat_transfer::{BlockFile, BlockFilter, Layout, SendError, SendProgress};
use quinn::{SendStream, VarInt};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::client::Client;
use crate::connection::{ANSWER_MAX, Call, Connection};
use crate::error::{CallError, DamagedError, LocalFileReason, NoAnswer};
use crate::files::local_file::{LocalFile, Witness};
use crate::files::progress::Progress;

/// How long the server may take to store the whole file on its disk once it has the last byte.
const ANSWER_TO_FILE_MAX: Duration = Duration::from_secs(60);

/// How long the server may take to hash the next blocks of the part that it has.
const HASHES_MAX: Duration = Duration::from_secs(60);

/// Below the streams of commands, whose priority is 0: files never block chat.
const FILE_PRIORITY: i32 = -1;

/// A file that is being sent.
struct OutgoingFile {
    local: LocalFile,
    transfer: TransferId,
    /// The number of first blocks that the server has in some form.
    kept: u64,
    progress: Progress,
}

impl Client {
    /// Sends the regular file at `path` as a message. The answer comes when the server has the whole
    /// file on its disk. The part of a file that has come before a cut stays there for a while: called again
    /// with the same [request id](Self::with_request_id), this sends only what is missing or has changed.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] if the file cannot be read.
    ///
    /// # Cancel safety
    /// Not cancel safe: a file that is under way is broken off; whether a file that was sent whole became a
    /// message is unknown.
    pub async fn send_file(
        &self,
        to: Address,
        path: &Path,
        progress: Progress,
    ) -> Result<Message, CallError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = FileName::from(name.as_ref());
        self.send_file_as(to, path, name.into(), progress).await
    }

    /// Sends a file as [`send_file`](Self::send_file) does, under this name. For a file of a folder that is
    /// sent as a whole, the name holds the folders below which it lands. The request id stands for the name, too.
    ///
    /// # Errors
    /// [`CallError`]; [`CallError::LocalFile`] if the file cannot be read.
    ///
    /// # Cancel safety
    /// As that of [`send_file`](Self::send_file).
    pub async fn send_file_as(
        &self,
        to: Address,
        path: &Path,
        name: FilePath,
        progress: Progress,
    ) -> Result<Message, CallError> {
        let connection = self.connection();
        let sent = upload(connection, self.request_id(), (to, path, name), progress).await;
        connection.note_sign_out(&sent);
        sent
    }
}

async fn upload(
    connection: &Connection,
    id: ClientId,
    (to, path, name): (Address, &Path, FilePath),
    mut progress: Progress,
) -> Result<Message, CallError> {
    let local = LocalFile::open(path).await?;
    let (shown, size) = (name.name().clone(), local.size);
    let name = name.with_executable(local.is_executable);
    let transfer = connection.new_transfer();
    let upload = Upload { id, to, name, size, transfer };
    let mut call = Call::ask(connection, upload).await?;
    match call.opening().await.map_err(without_file)? {
        UploadOpening::AlreadyStored => call.reply().await,
        UploadOpening::SendFile { kept } if kept > Layout::of(local.size).blocks() => {
            Err(DamagedError::Answer("more blocks than the file has".to_owned()).into())
        }
        UploadOpening::SendFile { kept } => {
            progress.started(shown, local.size);
            transmit(connection, call, OutgoingFile { local, transfer, kept, progress }).await
        }
    }
}

/// Sends the file. A stream that fails is reset, so that the file cannot look complete.
async fn transmit(
    connection: &Connection,
    mut call: Call<Upload>,
    outgoing: OutgoingFile,
) -> Result<Message, CallError> {
    let (witness, kept) = (outgoing.local.witness.clone(), outgoing.kept);
    let mut stream = connection.open_uni().await?;
    // Fails only for a stream that is closed.
    let _ = stream.set_priority(FILE_PRIORITY);
    let (theirs, told) = mpsc::unbounded_channel();
    let writing = write(connection, &mut stream, outgoing, told);
    let ended = converse(&mut call, (kept, theirs), writing, &witness).await;
    if ended.is_err() {
        // Fails only if the server has stopped the stream or the connection is gone.
        let _ = stream.reset(VarInt::from_u32(quic_codes::TRANSFER_FAILED));
    }
    ended
}

/// Sends the file and reads the answer at the same time: the server may refuse in the middle.
async fn converse(
    call: &mut Call<Upload>,
    (kept, theirs): (u64, mpsc::UnboundedSender<BlockHash>),
    writing: impl Future<Output = Result<(), SendError>>,
    witness: &Witness,
) -> Result<Message, CallError> {
    let mut answer = pin!(async {
        pass_on(call, kept, theirs).await?;
        call.reply_at_leisure().await
    });
    let sent = tokio::select! {
        biased;
        // Dropped only if the answer is there already, and the rest of the file is not needed.
        sent = writing => sent,
        early = &mut answer => return early.map_err(without_file),
    };
    let local_file = |reason| Err(CallError::LocalFile { path: witness.path().to_owned(), reason });
    match sent {
        Ok(()) => timeout(ANSWER_TO_FILE_MAX, answer).await.unwrap_or_else(|_| {
            Err(Call::<Upload>::unanswered(NoAnswer::TimedOut(ANSWER_TO_FILE_MAX)))
        }),
        // The server has stopped the stream, and says why; or the connection is gone.
        Err(SendError::Stream(_) | SendError::FilterEnded) => timeout(ANSWER_MAX, answer)
            .await
            .unwrap_or(Err(CallError::NotSent(NoAnswer::TimedOut(ANSWER_MAX))))
            .map_err(without_file),
        Err(SendError::Stalled) => Err(CallError::NotSent(NoAnswer::Stalled)),
        Err(SendError::Read(error)) => local_file(LocalFileReason::Unreadable(error)),
        Err(SendError::Shorter) => local_file(witness.why(LocalFileReason::Unmeasured).await),
        Err(SendError::Changed) => local_file(witness.why(LocalFileReason::Changed).await),
    }
}

/// The error of a connection that failed before the whole file was sent: there is no message, since the
/// server stores none without its file.
fn without_file(error: CallError) -> CallError {
    match error {
        CallError::OutcomeUnknown(failed @ NoAnswer::ServerFailed(_)) => {
            CallError::OutcomeUnknown(failed)
        }
        CallError::OutcomeUnknown(reason) => CallError::NotSent(reason),
        other => other,
    }
}

/// Passes the hashes of the server's blocks on to the writer.
async fn pass_on(
    call: &mut Call<Upload>,
    mut kept: u64,
    theirs: mpsc::UnboundedSender<BlockHash>,
) -> Result<(), CallError> {
    while kept > 0 {
        let hashes = timeout(HASHES_MAX, call.frame::<BlockHashes>()).await;
        let hashes = hashes.unwrap_or(Err(CallError::NotSent(NoAnswer::Stalled)))?;
        let count = u64::try_from(hashes.len()).unwrap_or(u64::MAX);
        let wrong = || DamagedError::Answer("another number of blocks than was told".to_owned());
        kept = kept.checked_sub(count).filter(|_| count > 0).ok_or_else(wrong)?;
        for hash in hashes.into_vec() {
            // Fails if the writer has ended, because the file cannot be read.
            let _ = theirs.send(hash);
        }
    }
    Ok(())
}

/// Selects the blocks that the server lacks or has with another hash.
struct Differing {
    kept: u64,
    /// Not bounded by itself: at most `kept` hashes are sent, and no file has more than 2^20 blocks. With
    /// a bound, this side could wait for the server to read bytes, and the server for this side to
    /// read hashes.
    theirs: mpsc::UnboundedReceiver<BlockHash>,
    hashes: Vec<BlockHash>,
    witness: Witness,
}

impl BlockFilter for Differing {
    async fn wants(&mut self, index: u64, hash: BlockHash) -> Result<bool, SendError> {
        self.hashes.push(hash);
        if index >= self.kept {
            return Ok(true);
        }
        let theirs = self.theirs.recv().await.ok_or(SendError::FilterEnded)?;
        Ok(theirs != hash)
    }

    /// Called when the whole file has been read. If the file has changed meanwhile, parts of both versions may
    /// have been sent.
    async fn digest(&mut self) -> Result<Digest, SendError> {
        self.witness.check().await.map_err(|_| SendError::Changed)?;
        Ok(qchat_transfer::file_digest(&self.hashes))
    }
}

/// The header, the blocks that are missing, the digest, and the end.
async fn write(
    connection: &Connection,
    stream: &mut SendStream,
    outgoing: OutgoingFile,
    theirs: mpsc::UnboundedReceiver<BlockHash>,
) -> Result<(), SendError> {
    let OutgoingFile { local, transfer, kept, mut progress } = outgoing;
    write_header(stream, &frame::encode_frame(&FileHeader { transfer })).await?;
    let layout = Layout::of(local.size);
    let mut filter = Differing { kept, theirs, hashes: Vec::new(), witness: local.witness };
    let told = |step| match step {
        SendProgress::Kept(bytes) => progress.kept(bytes),
        SendProgress::Sent(bytes) => progress.moved(bytes),
    };
    let (disk, blocks) =
        (Arc::new(BlockFile::cached(local.file)), (layout.every_block(), &mut filter));
    let mut sink = connection.windows.outgoing_file(stream);
    qchat_transfer::send(disk, layout, blocks, &mut sink, told).await?;
    drop(sink);
    stream.finish().map_err(|error| SendError::Stream(error.into()))
}

async fn write_header(stream: &mut SendStream, bytes: &[u8]) -> Result<(), SendError> {
    match timeout(ANSWER_MAX, stream.write_all(bytes)).await {
        Ok(written) => written.map_err(|error| SendError::Stream(error.into())),
        Err(_) => Err(SendError::Stalled),
    }
}
