//! Sending a file.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use qchat_proto::command::{FileHeader, Upload, UploadOpening};
use qchat_proto::{Address, ClientId, FileName, Message, TransferId, codes, frame};
use qchat_transfer::SendError;
use quinn::{SendStream, VarInt};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::call::{ANSWER_MAX, Call};
use crate::error::{CallError, LinkError, LocalFileReason};
use crate::link::Link;
use crate::progress::Progress;

/// How long the server may take to bring the whole file to its disk once it has the last byte.
const VERDICT_MAX: Duration = Duration::from_secs(60);

/// Below the streams of commands, whose priority is 0: bulk never blocks talk.
const FILE_PRIORITY: i32 = -1;

/// A file of this machine that can be sent.
struct LocalFile {
    path: PathBuf,
    name: FileName,
    size: u64,
    file: File,
}

impl LocalFile {
    async fn open(path: &Path) -> Result<Self, CallError> {
        let (shown, path) = (path.to_owned(), path.to_owned());
        spawn_blocking(move || Self::open_now(path))
            .await
            .unwrap_or_else(|panic| Err(LocalFileReason::Unreadable(io::Error::other(panic))))
            .map_err(|reason| CallError::LocalFile { path: shown, reason })
    }

    fn open_now(path: PathBuf) -> Result<Self, LocalFileReason> {
        // Before opening: to open a pipe waits for whoever writes into it.
        let metadata = std::fs::metadata(&path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(LocalFileReason::Folder);
        }
        if !metadata.is_file() {
            return Err(LocalFileReason::NotAFile);
        }
        let file = File::open(&path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let name = path.file_name().unwrap_or_default().to_string_lossy().as_ref().into();
        Ok(Self { path, name, size, file })
    }
}

fn unreadable(error: io::Error) -> LocalFileReason {
    match error.kind() {
        io::ErrorKind::NotFound => LocalFileReason::Missing,
        _ => LocalFileReason::Unreadable(error),
    }
}

/// A file on its way.
struct Outgoing {
    local: LocalFile,
    transfer: TransferId,
    progress: Progress,
}

pub(crate) async fn send_file(
    link: &Link,
    id: ClientId,
    (to, path): (Address, &Path),
    mut progress: Progress,
) -> Result<Message, CallError> {
    let local = LocalFile::open(path).await?;
    let LocalFile { name, size, .. } = &local;
    let transfer = link.new_transfer();
    let upload = Upload { id, to, name: name.clone(), size: *size, transfer };
    let mut call = Call::ask(&link.connection, upload).await?;
    match call.opening().await.map_err(without_file)? {
        UploadOpening::AlreadyStored => call.reply().await,
        UploadOpening::SendFile => {
            progress.started(local.name.clone(), local.size);
            transmit(link, call, Outgoing { local, transfer, progress }).await
        }
    }
}

/// Sends the file. What does not go through is reset, so that it cannot look complete.
async fn transmit(
    link: &Link,
    mut call: Call<Upload>,
    outgoing: Outgoing,
) -> Result<Message, CallError> {
    let path = outgoing.local.path.clone();
    let mut stream = open_stream(link).await?;
    let ended = converse(&mut call, write(&mut stream, outgoing), path).await;
    if ended.is_err() {
        // Fails only where the server has stopped the stream or the connection is gone.
        let _ = stream.reset(VarInt::from_u32(codes::TRANSFER_FAILED));
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
    writing: impl Future<Output = Result<(), SendError>>,
    path: PathBuf,
) -> Result<Message, CallError> {
    let effect = call.effect();
    let mut verdict = pin!(call.reply_at_leisure());
    let sent = tokio::select! {
        biased;
        // Dropped only where the verdict is there already, and nobody wants the rest.
        sent = writing => sent,
        early = &mut verdict => return early.map_err(without_file),
    };
    let local_file = |reason| Err(CallError::LocalFile { path, reason });
    match sent {
        Ok(()) => timeout(VERDICT_MAX, verdict)
            .await
            .unwrap_or_else(|_| Err(effect.unanswered(LinkError::NoAnswer(VERDICT_MAX)))),
        // The server has stopped the stream, and says why; or the connection is gone.
        Err(SendError::Stream(_)) => timeout(ANSWER_MAX, verdict)
            .await
            .unwrap_or(Err(CallError::NotSent(LinkError::NoAnswer(ANSWER_MAX))))
            .map_err(without_file),
        Err(SendError::Stalled) => Err(CallError::NotSent(LinkError::Stalled)),
        Err(SendError::Read(error)) => local_file(LocalFileReason::Unreadable(error)),
        Err(SendError::Shorter) => local_file(LocalFileReason::Shrunk),
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

/// The header, the bytes, their digest, and the end.
async fn write(stream: &mut SendStream, outgoing: Outgoing) -> Result<(), SendError> {
    let Outgoing { local, transfer, mut progress } = outgoing;
    write_little(stream, &frame::encode_frame(&FileHeader { transfer })).await?;
    let told = |bytes| progress.moved(bytes);
    let digest = qchat_transfer::send(local.file, local.size, stream, told).await?;
    write_little(stream, &digest.0).await?;
    stream.finish().map_err(|error| SendError::Stream(error.into()))
}

async fn write_little(stream: &mut SendStream, bytes: &[u8]) -> Result<(), SendError> {
    match timeout(ANSWER_MAX, stream.write_all(bytes)).await {
        Ok(written) => written.map_err(|error| SendError::Stream(error.into())),
        Err(_) => Err(SendError::Stalled),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &Path, expected: &str) {
        let refused = LocalFile::open_now(path.to_owned()).map(|local| local.size);
        assert_eq!(refused.map_err(|reason| reason.to_string()), Err(expected.to_owned()));
    }

    #[test]
    fn only_a_regular_file_can_be_sent() {
        let folder = tempfile::tempdir().unwrap();
        check(folder.path(), "this is a folder");
        check(&folder.path().join("missing"), "there is no such file");
        check(Path::new("/dev/null"), "this is no regular file");
        check(Path::new(""), "there is no such file");
    }

    #[test]
    fn a_file_is_known_by_the_last_part_of_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("-report.pdf");
        std::fs::write(&path, "abc").unwrap();
        let local = LocalFile::open_now(path).unwrap();
        assert_eq!((local.name.as_str(), local.size), ("_report.pdf", 3));
    }
}
