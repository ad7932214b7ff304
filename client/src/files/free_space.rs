//! The free space of the disk for a download.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use qchat_proto::{File, FolderPath};
use qchat_transfer::PartialFile;
use tokio::task::spawn_blocking;

use crate::error::{CallError, LocalFileReason};
use crate::files::already_here::find;

/// Checks, before a byte is asked for, that the disk has room for the missing blocks of a file of this size.
///
/// # Errors
/// [`CallError::LocalFile`] with [`LocalFileReason::NoRoom`], which names the partial file if it holds anything.
pub(crate) fn check_room(part: &PartialFile, size: u64, folder: &Path) -> Result<(), CallError> {
    // If the free space is unknown, writing fails when the disk is full.
    let (Ok(free), Ok(here)) = (free_bytes(folder), part.bytes_on_disk()) else { return Ok(()) };
    let needed = size.saturating_sub(here);
    match needed <= free {
        true => Ok(()),
        false => {
            let part = (here > 0).then(|| part.location().to_owned());
            let reason = LocalFileReason::NoRoom { needed, free, part };
            Err(CallError::LocalFile { path: folder.to_owned(), reason })
        }
    }
}

/// Checks that the disk has room for those of `files` that are not below `top` yet, before any of them is
/// fetched.
///
/// # Errors
/// [`CallError::LocalFile`] with [`LocalFileReason::NoRoom`].
///
/// # Cancel safety
/// Cancel safe.
pub async fn check_room_for(top: &Path, files: &[File]) -> Result<(), CallError> {
    let (top, files) = (top.to_owned(), files.to_vec());
    spawn_blocking(move || check_all(top, &files)).await.unwrap_or(Ok(()))
}

fn check_all(top: PathBuf, files: &[File]) -> Result<(), CallError> {
    let there = top.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("."));
    let Ok(free) = free_bytes(there) else { return Ok(()) };
    let needed = files.iter().map(|file| missing_bytes(&top, file)).fold(0, u64::saturating_add);
    match needed <= free {
        true => Ok(()),
        false => {
            let reason = LocalFileReason::NoRoom { needed, free, part: None };
            Err(CallError::LocalFile { path: top, reason })
        }
    }
}

/// An estimate of the missing bytes of a file, by the lengths of the files on the disk.
fn missing_bytes(top: &Path, file: &File) -> u64 {
    let length = |path: &Path| path.symlink_metadata().map_or(u64::MAX, |there| there.len());
    if find(top, file, |path| length(path) == file.size).is_some() {
        return 0;
    }
    let folder = top.join(file.original.folder().map_or("", FolderPath::as_str));
    let part = PartialFile::path(&folder, file.name.as_str()).symlink_metadata();
    let here = part.map_or(0, |part| part.blocks().saturating_mul(512));
    file.size.saturating_sub(here)
}

/// The error of a folder that cannot be written to.
pub(crate) fn unwritable(folder: &Path, error: io::Error) -> CallError {
    let reason = LocalFileReason::Unwritable(error);
    CallError::LocalFile { path: folder.to_owned(), reason }
}

/// The error of a partial file that could not be written. It stays on the disk, so the error names it.
pub(crate) fn unwritten(part: &Path, error: io::Error) -> CallError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            let reason = LocalFileReason::Full(error);
            CallError::LocalFile { path: part.to_owned(), reason }
        }
        _ => unwritable(part, error),
    }
}

/// The bytes that are free for this user on the file system of `folder`.
///
/// # Errors
/// The operating system's.
fn free_bytes(folder: &Path) -> io::Result<u64> {
    let system = rustix::fs::statvfs(folder)?;
    match system.f_blocks {
        // Some file systems do not report their size.
        0 => Err(io::ErrorKind::Unsupported.into()),
        _ => Ok(system.f_bavail.saturating_mul(system.f_frsize)),
    }
}
