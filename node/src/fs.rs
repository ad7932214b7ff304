//! The disk: free space, folders and files that only the server's own user may read, and blocking calls.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tokio::task::spawn_blocking;

const PRIVATE: u32 = 0o700;

const PRIVATE_FILE: u32 = 0o600;

/// What a mode says of everybody but the file's owner.
const OTHERS: u32 = 0o077;

/// Makes `folder`, with those above it, where it is missing. One that exists keeps its mode.
pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(PRIVATE).create(folder)
}

/// Options by which a new file is its owner's only. The folder alone does not see to that: it may be older
/// than the server, or end up in a backup.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(PRIVATE_FILE);
    options
}

/// Takes from others what the mode of a file that exists gives them.
pub(crate) fn make_private(path: &Path) {
    if let Err(error) = take_from_others(path) {
        tracing::warn!(path = %path.display(), %error, "others may read what only the server should");
    }
}

fn take_from_others(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    // Where a link leads is not ours.
    match metadata.is_file() && metadata.mode() & OTHERS != 0 {
        true => std::fs::set_permissions(path, Permissions::from_mode(metadata.mode() & !OTHERS)),
        false => Ok(()),
    }
}

/// Whether a write failed because there was no room for it, on the disk or for us.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// How many bytes are free for us on the file system that holds `folder`.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Runs what reads or writes the disk in a thread of its own.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
