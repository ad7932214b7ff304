//! The disk: free space, folders and files that only the server's own user may read, and blocking calls.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tokio::task::spawn_blocking;

const PRIVATE_FOLDER: u32 = 0o700;

const PRIVATE_FILE: u32 = 0o600;

/// The mode bits of the group and of others.
const OTHERS: u32 = 0o077;

/// Makes `folder` and the missing folders above it. A folder that exists keeps its mode.
pub(crate) fn create_private(folder: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER).create(folder)
}

/// Options for a new file that only its owner may read. The folder's mode is not enough: the folder may be
/// older than the server, and files may end up in a backup.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(PRIVATE_FILE);
    options
}

/// Removes the permissions of the group and of others from a file.
pub(crate) fn make_private(path: &Path) {
    if let Err(error) = remove_other_permissions(path) {
        tracing::warn!(path = %path.display(), %error, "others may read what only the server should");
    }
}

fn remove_other_permissions(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    // The target of a symbolic link is not ours.
    match metadata.is_file() && metadata.mode() & OTHERS != 0 {
        true => std::fs::set_permissions(path, Permissions::from_mode(metadata.mode() & !OTHERS)),
        false => Ok(()),
    }
}

/// Whether a write failed because the disk or the quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// The free bytes of the file system that holds `folder`, as far as this process may use them.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Runs disk access on a thread for blocking work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
