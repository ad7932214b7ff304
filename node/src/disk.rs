//! How much room a disk has left.

use std::io;
use std::path::Path;

/// Whether a write failed because there was no room for it, on the disk or for us.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// How many bytes are free for us on the file system that holds `folder`.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
