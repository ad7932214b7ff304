//! The limit of the disk: write, hash and sync, in one thread.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use super::transfer::Transfer;

const PIECE_BYTES: usize = 1024 * 1024;

/// Makes a file of this size with bytes that no file system can compress.
pub(crate) fn fill(path: &Path, bytes: u64) -> anyhow::Result<()> {
    let mut file = File::create(path)?;
    pieces(bytes, |piece| Ok(file.write_all(piece)?))?;
    Ok(file.sync_data()?)
}

/// Writes, hashes and syncs this many bytes.
pub(super) fn write(folder: &Path, bytes: u64) -> anyhow::Result<Transfer> {
    let path = folder.join("disk.tmp");
    let mut file = File::create(&path)?;
    let mut hasher = blake3::Hasher::new();
    let begun = Instant::now();
    pieces(bytes, |piece| {
        hasher.update(piece);
        Ok(file.write_all(piece)?)
    })?;
    file.sync_data()?;
    std::hint::black_box(hasher.finalize());
    let time = begun.elapsed();
    std::fs::remove_file(path)?;
    Ok(Transfer { bytes, time, sides: None })
}

/// Passes on pieces of this many bytes in all. They differ, but take no time to make.
fn pieces(bytes: u64, mut take: impl FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    blake3::Hasher::new().finalize_xof().fill(&mut piece);
    let (mut left, mut number) = (bytes, 0_u64);
    while left > 0 {
        if let Some(start) = piece.first_chunk_mut() {
            *start = number.to_be_bytes();
        }
        let length = usize::try_from(left).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        take(piece.get(..length).unwrap_or_default())?;
        left -= u64::try_from(length)?;
        number += 1;
    }
    Ok(())
}
