//! The disk: private files and folders, atomic replacement, free space, and blocking calls.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use tokio::task::spawn_blocking;

/// The mode of a folder that only its owner can use.
const PRIVATE_FOLDER_MODE: u32 = 0o700;

/// The mode of a file that only its owner can read.
pub(crate) const PRIVATE_FILE_MODE: u32 = 0o600;

/// The mode bits of everybody except the owner.
const OTHERS: u32 = 0o077;

/// Creates `folder`, and the missing folders above it. An existing folder keeps its mode.
pub(crate) fn create_private_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(PRIVATE_FOLDER_MODE).create(folder)
}

/// The options to create and write a file that only its owner can read. A private folder is not enough: the folder
/// may be older than the server, or its files may be copied into a backup.
pub(crate) fn private_file() -> OpenOptions {
    let mut options = File::options();
    options.write(true).mode(PRIVATE_FILE_MODE);
    options
}

/// Whether only the owner can read or write the file.
pub(crate) fn is_private(metadata: &Metadata) -> bool {
    metadata.mode() & OTHERS == 0
}

/// Removes the permissions of group and others from an existing file.
pub(crate) fn make_private(path: &Path) {
    if let Err(error) = restrict(path) {
        tracing::warn!(path = %path.display(), %error, "others may read what only the server should");
    }
}

fn restrict(path: &Path) -> io::Result<()> {
    let metadata = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    // The target of a symbolic link is not a file of the server.
    match metadata.is_file() && !is_private(&metadata) {
        true => std::fs::set_permissions(path, Permissions::from_mode(metadata.mode() & !OTHERS)),
        false => Ok(()),
    }
}

/// Replaces a file atomically and durably. The new file has this mode from its creation. The folder must exist.
pub(crate) fn replace_file(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let folder = folder_of(path);
    let permissions = Permissions::from_mode(mode);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    sync_folder(folder)
}

/// Renames a file durably, and replaces an existing one.
pub(crate) fn rename_file(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::rename(from, to)?;
    sync_folder(folder_of(to))
}

/// Makes the new, renamed and removed names in a folder durable.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// The folder of a file.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// Whether a write failed because the disk or the disk quota is full.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Whether a storage cannot do this now, and may be able to do it soon.
pub(crate) fn is_away(error: &io::Error) -> bool {
    use io::ErrorKind::{NotConnected, ResourceBusy, TimedOut};
    matches!(error.kind(), NotConnected | ResourceBusy | TimedOut)
}

/// The free bytes of the file system of `folder`, for users without privileges.
pub(crate) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    Ok(system.f_bavail.saturating_mul(system.f_frsize))
}

/// Runs disk I/O on a thread that may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(io::Error::other(panic)))
}
