//! Makes the folders that a file was sent with.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use qchat_proto::FolderPath;
use tokio::task::spawn_blocking;

use crate::error::{CallError, LocalFileReason};

/// Makes the missing folders of `path` below `top`, and `top` itself, durably. Returns the innermost one.
///
/// The caller chooses `top`, which may be a symbolic link. Below it no link is followed: the names come from a
/// sender, and a link could lead out of `top`.
///
/// # Errors
/// [`CallError::LocalFile`], which names the obstacle.
pub(crate) async fn make_below(
    top: &Path,
    path: Option<&FolderPath>,
) -> Result<PathBuf, CallError> {
    let Some(path) = path.cloned() else { return Ok(top.to_owned()) };
    let (shown, top) = (top.to_owned(), top.to_owned());
    spawn_blocking(move || make_now(top, &path))
        .await
        .unwrap_or_else(|panic| Err((shown, LocalFileReason::Unwritable(io::Error::other(panic)))))
        .map_err(|(path, reason)| CallError::LocalFile { path, reason })
}

/// The path of an obstacle, and the reason.
type Obstacle = (PathBuf, LocalFileReason);

fn make_now(top: PathBuf, path: &FolderPath) -> Result<PathBuf, Obstacle> {
    let made = std::fs::create_dir_all(&top);
    made.map_err(|error| (top.clone(), LocalFileReason::Unwritable(error)))?;
    let mut folder = top;
    for name in path.names() {
        let inner = folder.join(name);
        make(&inner, &folder).map_err(|reason| (inner.clone(), reason))?;
        folder = inner;
    }
    Ok(folder)
}

/// Makes one folder, unless it exists.
fn make(folder: &Path, above: &Path) -> Result<(), LocalFileReason> {
    let made = std::fs::create_dir(folder);
    if made.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::AlreadyExists) {
        // The type of the entry itself, not of the target of a link.
        let there = std::fs::symlink_metadata(folder).map_err(LocalFileReason::Unwritable)?;
        return match there.file_type() {
            kind if kind.is_dir() => Ok(()),
            kind if kind.is_symlink() => Err(LocalFileReason::SymbolicLink),
            _ => Err(LocalFileReason::NotAFolder),
        };
    }
    let durable = made.and_then(|()| File::open(above)?.sync_all());
    durable.map_err(LocalFileReason::Unwritable)
}

#[cfg(test)]
mod tests;
