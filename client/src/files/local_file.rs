//! A file of this machine that is sent, and the check that it does not change meanwhile.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;
use tokio::task::spawn_blocking;

use crate::error::{CallError, LocalFileReason};

/// A file of this machine that can be sent.
#[derive(Debug)]
pub(crate) struct LocalFile {
    pub(crate) size: u64,
    /// Whether its owner may run it.
    pub(crate) is_executable: bool,
    pub(crate) file: File,
    pub(crate) witness: Witness,
}

impl LocalFile {
    pub(crate) async fn open(path: &Path) -> Result<Self, CallError> {
        let (shown, path) = (path.to_owned(), path.to_owned());
        spawn_blocking(move || Self::open_now(path))
            .await
            .unwrap_or_else(|panic| Err(LocalFileReason::Unreadable(io::Error::other(panic))))
            .map_err(|reason| CallError::LocalFile { path: shown, reason })
    }

    fn open_now(path: PathBuf) -> Result<Self, LocalFileReason> {
        // Before opening: to open a device may act on it.
        let metadata = std::fs::metadata(&path).map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(LocalFileReason::Folder);
        }
        if !metadata.is_file() {
            return Err(LocalFileReason::NotAFile);
        }
        let file = open_at_once(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        let (was, is_executable) = (State::of(&metadata), metadata.mode() & 0o100 != 0);
        let again = file.try_clone().map_err(unreadable)?;
        let witness = Witness(Arc::new(Seen { path, file: again, was }));
        Ok(Self { size: was.size, is_executable, file, witness })
    }
}

/// Opens a file without waiting: a pipe may have replaced it, and some files of the system block until
/// their content exists.
pub(crate) fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = i32::try_from(OFlags::NONBLOCK.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(flags).open(path)
}

fn unreadable(error: io::Error) -> LocalFileReason {
    match error.kind() {
        io::ErrorKind::NotFound => LocalFileReason::Missing,
        _ => LocalFileReason::Unreadable(error),
    }
}

/// The properties that show whether a file has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    size: u64,
    /// The time of the last change of the content, in seconds and nanoseconds. A change of the owner or the
    /// names does not matter.
    modified: (i64, i64),
    place: (u64, u64),
}

impl State {
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            place: (metadata.dev(), metadata.ino()),
        }
    }
}

/// Checks whether a file has changed since it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Witness(Arc<Seen>);

#[derive(Debug)]
struct Seen {
    path: PathBuf,
    file: File,
    was: State,
}

impl Witness {
    /// The path by which the file was opened.
    pub(crate) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Compares the file with its state when it was opened.
    ///
    /// # Errors
    /// [`LocalFileReason::Changed`]; [`LocalFileReason::Unmeasured`] if it has more bytes than its length.
    pub(crate) async fn check(&self) -> Result<(), LocalFileReason> {
        let seen = Arc::clone(&self.0);
        spawn_blocking(move || seen.check_now())
            .await
            .unwrap_or_else(|panic| Err(LocalFileReason::Unreadable(io::Error::other(panic))))
    }

    /// The reason why the file could not be sent, or `otherwise` if it has not changed.
    pub(crate) async fn why(&self, otherwise: LocalFileReason) -> LocalFileReason {
        self.check().await.err().unwrap_or(otherwise)
    }
}

impl Seen {
    fn check_now(&self) -> Result<(), LocalFileReason> {
        let is_same = |found: io::Result<Metadata>| {
            found.is_ok_and(|metadata| State::of(&metadata) == self.was)
        };
        if !is_same(self.file.metadata()) || !is_same(std::fs::metadata(&self.path)) {
            return Err(LocalFileReason::Changed);
        }
        match self.file.read_at(&mut [0], self.was.size) {
            Ok(0) => Ok(()),
            Ok(_) => Err(LocalFileReason::Unmeasured),
            Err(error) => Err(LocalFileReason::Unreadable(error)),
        }
    }
}

#[cfg(test)]
mod tests;
