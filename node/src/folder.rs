//! Folders and files that only the server's own user may look into.

use std::fs::{File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

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
