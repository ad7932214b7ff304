//! From a disk to a stream.

use std::fs::File;
use std::io::{self, Read};

use qchat_proto::Digest;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::{PIECE_BYTES, PIECES_WAITING_MAX, STALL_MAX};

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
}

/// Sends exactly `size` bytes of `file` and returns their digest. `progress` hears the number of
/// bytes of every piece that the stream took.
///
/// # Errors
/// [`SendError`]. The caller resets the stream then, so that the peer cannot take it for complete.
///
/// # Cancel safety
/// Not cancel safe: the stream holds part of the file afterwards and is to be reset.
pub async fn send(
    file: File,
    size: u64,
    stream: &mut (impl AsyncWrite + Unpin),
    mut progress: impl FnMut(u64),
) -> Result<Digest, SendError> {
    let (pieces, mut arriving) = mpsc::channel(PIECES_WAITING_MAX);
    let reader = spawn_blocking(move || read_pieces(file, size, &pieces));
    while let Some(piece) = arriving.recv().await {
        let piece: Vec<u8> = piece;
        match timeout(STALL_MAX, stream.write_all(&piece)).await {
            Ok(written) => written.map_err(SendError::Stream)?,
            Err(_) => return Err(SendError::Stalled),
        }
        progress(u64::try_from(piece.len()).unwrap_or(u64::MAX));
    }
    reader.await.unwrap_or_else(|panic| Err(SendError::Read(io::Error::other(panic))))
}

/// Reads and hashes until `size` bytes were read, or until nobody listens any more.
fn read_pieces(file: File, size: u64, pieces: &mpsc::Sender<Vec<u8>>) -> Result<Digest, SendError> {
    let mut hasher = blake3::Hasher::new();
    let mut source = file.take(size);
    loop {
        let mut piece = Vec::with_capacity(PIECE_BYTES);
        let limit = u64::try_from(PIECE_BYTES).unwrap_or(u64::MAX);
        source.by_ref().take(limit).read_to_end(&mut piece).map_err(SendError::Read)?;
        if piece.is_empty() {
            break;
        }
        hasher.update(&piece);
        if pieces.blocking_send(piece).is_err() {
            break;
        }
    }
    match source.limit() {
        0 => Ok(Digest(hasher.finalize().into())),
        _ => Err(SendError::Shorter),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use super::*;

    fn file_with(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file.rewind().unwrap();
        file
    }

    #[tokio::test]
    async fn exactly_the_announced_bytes_are_sent() {
        let content = vec![7; PIECE_BYTES + 1];
        let size = content.len() - 1;
        let mut sent = Vec::new();
        let mut told = 0;
        let digest =
            send(file_with(&content), size.try_into().unwrap(), &mut sent, |bytes| told += bytes)
                .await;
        assert_eq!(sent, content[..size]);
        assert_eq!(digest.unwrap().0, *blake3::hash(&content[..size]).as_bytes());
        assert_eq!(told, u64::try_from(size).unwrap());
    }

    #[tokio::test]
    async fn a_file_that_shrank_is_an_error() {
        let sent = send(file_with(b"abc"), 4, &mut Vec::new(), |_| ()).await;
        assert!(matches!(sent, Err(SendError::Shorter)));
    }
}
