//! Fetching a file.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use qchat_proto::command::{Done, Download, FileQuery, Log};
use qchat_proto::{Digest, File};
use qchat_transfer::{LandError, Part, ReceiveError, Waiting};
use quinn::RecvStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::call::Call;
use crate::error::{CallError, DamagedError, LinkError, LocalFileReason};
use crate::link::Link;
use crate::progress::Progress;

/// A file that has landed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Downloaded {
    /// What the server tells of it.
    pub file: File,
    /// Where it is.
    pub path: PathBuf,
}

/// How long the server may take to begin with the file.
const ARRIVAL_MAX: Duration = Duration::from_secs(30);

/// How long its last word may take where the file has come, or has broken off.
const LAST_WORD_MAX: Duration = Duration::from_secs(10);

/// How many names a file may land under: its own and numbered ones.
const NAMES_MAX: u32 = 10_000;

/// What a finished file may be read by, less the process's umask.
const MODE: u32 = 0o666;

pub(crate) async fn download(
    link: &Link,
    log: Log,
    name: &str,
    folder: &Path,
    mut progress: Progress,
) -> Result<Downloaded, CallError> {
    let transfer = link.new_transfer();
    // Before asking: the file may come before the answer.
    let waiting = link.files.expect(transfer).ok_or(CallError::NotSent(LinkError::Closed))?;
    let ask = Download { log, file: FileQuery::from(name), transfer };
    let mut call = Call::ask(&link.connection, ask).await?;
    let file = call.opening().await?;
    // Only now: a wrong name leaves no empty folder behind.
    let part = make_part(folder).await?;
    progress.started(file.original.clone(), file.size);
    let arriving = async {
        let mut stream = arrival(link, waiting).await?;
        qchat_transfer::receive(&mut stream, file.size, part, |bytes| progress.moved(bytes)).await
    };
    let failed = |error| failure(error, &file, folder);
    let (part, digest) = converse(&mut call, arriving, failed).await?;
    if digest != file.digest {
        let (announced, name) = (file.digest, file.name);
        return Err(DamagedError::FileDigest { name, announced, received: digest }.into());
    }
    let path = land(part, &file, folder).await?;
    Ok(Downloaded { file, path })
}

/// Receives the file and listens to the command's stream at the same time: the server may say there
/// that it cannot go on. No order holds between the two.
async fn converse(
    call: &mut Call<Download>,
    arriving: impl Future<Output = Result<(Part, Digest), ReceiveError>>,
    failed: impl Fn(ReceiveError) -> CallError,
) -> Result<(Part, Digest), CallError> {
    let mut arriving = pin!(arriving);
    let mut last_word = pin!(call.reply_at_leisure());
    let arrived = tokio::select! {
        biased;
        arrived = &mut arriving => arrived,
        last_word = &mut last_word => {
            // Where it is a no, the part file goes with what is dropped here.
            let Done = last_word?;
            return arriving.await.map_err(failed);
        }
    };
    let last_word = async {
        let late = Err(CallError::NotSent(LinkError::NoAnswer(LAST_WORD_MAX)));
        timeout(LAST_WORD_MAX, last_word).await.unwrap_or(late)
    };
    match arrived {
        Ok(whole) => last_word.await.map(|Done| whole),
        // The server may know more than that the stream broke.
        Err(error @ ReceiveError::Stream(_)) => {
            let Done = last_word.await?;
            Err(failed(error))
        }
        Err(error) => Err(failed(error)),
    }
}

/// The stream that the server opens for the file.
async fn arrival(
    link: &Link,
    mut waiting: Waiting<RecvStream>,
) -> Result<RecvStream, ReceiveError> {
    let gone = || ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into());
    tokio::select! {
        arrived = timeout(ARRIVAL_MAX, waiting.stream()) => {
            arrived.map_err(|_| ReceiveError::Stalled)?.ok_or_else(gone)
        }
        lost = link.connection.closed() => Err(ReceiveError::Stream(lost.into())),
    }
}

fn failure(error: ReceiveError, file: &File, folder: &Path) -> CallError {
    match error {
        ReceiveError::Stream(_) => DamagedError::FileCut(file.name.clone()).into(),
        ReceiveError::Stalled => CallError::NotSent(LinkError::Stalled),
        ReceiveError::Write(error) => unwritable(folder, error),
    }
}

fn unwritable(folder: &Path, error: io::Error) -> CallError {
    let reason = LocalFileReason::Unwritable(error);
    CallError::LocalFile { path: folder.to_owned(), reason }
}

async fn make_part(folder: &Path) -> Result<Part, CallError> {
    let owned = folder.to_owned();
    spawn_blocking(move || Part::create(&owned, MODE))
        .await
        .unwrap_or_else(|panic| Err(io::Error::other(panic)))
        .map_err(|error| unwritable(folder, error))
}

/// Gives the file the first of its names that is free. The name is one safe component by its type.
async fn land(part: Part, file: &File, folder: &Path) -> Result<PathBuf, CallError> {
    let original = file.original.clone();
    let names = (0..NAMES_MAX).map(move |copy| original.numbered(copy));
    let landed = spawn_blocking(move || part.land(names))
        .await
        .unwrap_or_else(|panic| Err(LandError::Rename(io::Error::other(panic))));
    match landed {
        Ok(name) => Ok(folder.join(name)),
        Err(LandError::NamesTaken) => {
            let reason = LocalFileReason::NamesTaken;
            Err(CallError::LocalFile { path: folder.to_owned(), reason })
        }
        Err(LandError::Rename(error) | LandError::Folder(error)) => Err(unwritable(folder, error)),
    }
}
