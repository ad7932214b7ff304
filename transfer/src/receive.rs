//! From a stream to a disk.

use std::io::{self, Write};

use qchat_proto::Digest;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::{PIECE_BYTES, PIECES_WAITING_MAX, Part, STALL_MAX};

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// The stream failed or ended before the announced length.
    #[error("receiving the file")]
    Stream(#[source] io::Error),
    /// The peer sent no byte for a minute.
    #[error("the other side stopped sending the file")]
    Stalled,
    /// The disk did not take it.
    #[error("writing the file")]
    Write(#[source] io::Error),
}

/// Receives exactly `size` bytes into `part`, syncs them to the disk, and returns the part with the
/// digest of what was written. `progress` hears the number of bytes of every piece that came.
///
/// # Errors
/// [`ReceiveError`]; the part file is removed then.
///
/// # Cancel safety
/// Not cancel safe: what was received is lost, and the part file removed at once.
pub async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    size: u64,
    part: Part,
    mut progress: impl FnMut(u64),
) -> Result<(Part, Digest), ReceiveError> {
    let (pieces, arriving) = mpsc::channel(PIECES_WAITING_MAX);
    let remover = part.remover();
    let writer = spawn_blocking(move || write_pieces(part, arriving));
    let received = pass_on(stream, size, &pieces, &mut progress).await;
    drop(pieces);
    // Also where the stream failed: the part file is removed when the writer has ended.
    let written = writer.await;
    let written = written.unwrap_or_else(|panic| Err(ReceiveError::Write(io::Error::other(panic))));
    let whole = received.and(written)?;
    remover.disarm();
    Ok(whole)
}

/// Hands what arrives to the writer, until all is there or the writer has failed.
async fn pass_on(
    stream: &mut (impl AsyncRead + Unpin),
    size: u64,
    pieces: &mpsc::Sender<Option<Vec<u8>>>,
    progress: &mut impl FnMut(u64),
) -> Result<(), ReceiveError> {
    let mut missing = size;
    while missing > 0 {
        let piece = read_piece(stream, missing).await?;
        let length = u64::try_from(piece.len()).unwrap_or(u64::MAX);
        missing = missing.saturating_sub(length);
        progress(length);
        if pieces.send(Some(piece)).await.is_err() {
            return Ok(());
        }
    }
    // Where this is not said, the writer knows that the file is not complete.
    let _ = pieces.send(None).await;
    Ok(())
}

/// Gathers a piece: many small reads would make hashing five times slower.
async fn read_piece(
    stream: &mut (impl AsyncRead + Unpin),
    missing: u64,
) -> Result<Vec<u8>, ReceiveError> {
    let wanted = usize::try_from(missing).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
    let mut piece = Vec::with_capacity(wanted);
    let mut limited = stream.take(u64::try_from(wanted).unwrap_or(u64::MAX));
    while piece.len() < wanted {
        match timeout(STALL_MAX, limited.read_buf(&mut piece)).await {
            Ok(Ok(0)) => return Err(ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into())),
            Ok(read) => read.map_err(ReceiveError::Stream)?,
            Err(_) => return Err(ReceiveError::Stalled),
        };
    }
    Ok(piece)
}

/// Writes and hashes until the end is announced, then syncs.
fn write_pieces(
    mut part: Part,
    mut arriving: mpsc::Receiver<Option<Vec<u8>>>,
) -> Result<(Part, Digest), ReceiveError> {
    let mut hasher = blake3::Hasher::new();
    while let Some(piece) = arriving.blocking_recv() {
        let Some(piece) = piece else {
            part.file().sync_data().map_err(ReceiveError::Write)?;
            return Ok((part, Digest(hasher.finalize().into())));
        };
        hasher.update(&piece);
        part.file().write_all(&piece).map_err(ReceiveError::Write)?;
    }
    Err(ReceiveError::Stream(io::ErrorKind::UnexpectedEof.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn receive_from(bytes: &[u8], size: u64) -> Result<(Vec<u8>, Digest), ReceiveError> {
        let folder = tempfile::tempdir().unwrap();
        let part = Part::create(folder.path(), 0o600).unwrap();
        let (part, digest) = receive(&mut &bytes[..], size, part, |_| ()).await?;
        part.land(["landed".to_owned()]).unwrap();
        Ok((std::fs::read(folder.path().join("landed")).unwrap(), digest))
    }

    #[tokio::test]
    async fn what_arrives_is_what_was_sent() {
        for length in [0, 1, PIECE_BYTES, PIECE_BYTES + 1] {
            let content = vec![9; length];
            let size = length.try_into().unwrap();
            let (landed, digest) = receive_from(&content, size).await.unwrap();
            assert!(landed == content, "{length} bytes");
            assert_eq!(digest.0, *blake3::hash(&content).as_bytes());
        }
    }

    #[tokio::test]
    async fn a_file_cut_short_is_gone_when_its_error_is_told() {
        for _ in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            let part = Part::create(folder.path(), 0o600).unwrap();
            let cut = receive(&mut &[1; 9][..], 10, part, |_| ()).await;
            assert!(matches!(cut, Err(ReceiveError::Stream(_))));
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn an_abandoned_file_is_gone_at_once() {
        for _ in 0..100 {
            let folder = tempfile::tempdir().unwrap();
            let part = Part::create(folder.path(), 0o600).unwrap();
            let (mut stream, mut peer) = tokio::io::duplex(64);
            tokio::io::AsyncWriteExt::write_all(&mut peer, &[1; 9]).await.unwrap();
            {
                let mut receiving = std::pin::pin!(receive(&mut stream, 10, part, |_| ()));
                let waiting = timeout(std::time::Duration::ZERO, receiving.as_mut()).await;
                assert!(waiting.is_err());
            }
            assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        }
    }

    #[tokio::test]
    async fn a_stream_that_ends_early_is_an_error() {
        let cut = receive_from(&[1; 9], 10).await;
        assert!(matches!(cut, Err(ReceiveError::Stream(_))));
    }
}
