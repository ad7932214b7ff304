//! How much room a disk has left.

use std::io;
use std::path::Path;

/// How many bytes are free for us on the file system that holds `folder`.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}
