//! Opening a store, or making one where there is none.

use std::fs::{File, TryLockError};
use std::io;
use std::panic::{UnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};

use super::error::StoreError;
use super::tables;
use super::writes_in_memory::WritesInMemory;
use crate::fs::{create_private, make_private, private_file};

/// The store's file in the data folder.
const FILE: &str = "qchat.redb";

/// A store that is being made. It gets its name when it is complete: a first creation that was cut
/// short would leave a file that does not open.
const FILE_NEW: &str = "qchat.redb.new";

/// Locked while a server uses the folder, from before its store exists.
const LOCK: &str = "qchat.lock";

/// The engine's cache, in bytes. Its own default of 1 GiB is more than a small server has.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another server uses the folder.
    #[error("the data folder {} is in use by another qchat server", .0.display())]
    InUse(PathBuf),
    /// The file is there, but it is no store any more.
    #[error("the store {} is damaged ({reason}); restore it from a backup, or move it away to start anew", file.display())]
    Damaged {
        /// The store's file.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file was there, and is there no more.
    #[error("the store {} is gone; is the disk of its folder still there?", .0.display())]
    Gone(PathBuf),
    /// The store was written by a later qchat.
    #[error("the store {} has format {found}, and this qchat reads format {known}: use a newer qchat", file.display())]
    Newer {
        /// The store's file.
        file: PathBuf,
        /// Its format.
        found: u64,
        /// The format that this program knows.
        known: u64,
    },
    /// The folder or the file cannot be used.
    #[error("cannot use the data folder {}: {source}", path.display())]
    Unusable {
        /// What cannot be used.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Makes the folder where it is missing, and takes its lock for as long as the file is open.
pub(super) fn lock(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Unusable { path: folder.to_owned(), source };
    create_private(folder).map_err(unusable)?;
    for name in [LOCK, FILE] {
        refuse_link(&folder.join(name))?;
    }
    let file = private_file().create(true).truncate(false).open(folder.join(LOCK));
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {
            // Earlier versions left them to the process's umask.
            [LOCK, FILE].iter().for_each(|name| make_private(&folder.join(name)));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// A link in the folder would have the store written to wherever it leads.
fn refuse_link(path: &Path) -> Result<(), OpenError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            let source = io::Error::other("this is a link, and only a file of the folder is used");
            Err(OpenError::Unusable { path: path.to_owned(), source })
        }
        // Whatever else is wrong with it is told when it is opened.
        _ => Ok(()),
    }
}

/// Opens the database in a locked folder, or makes one where there is none.
pub(super) fn open_or_create(folder: &Path) -> Result<Database, OpenError> {
    match open_existing(folder) {
        Err(OpenError::Gone(path)) => {
            create(folder).map_err(|source| OpenError::Unusable { path, source })?;
            open_existing(folder)
        }
        opened => opened,
    }
}

/// Opens the database that is in a locked folder.
pub(super) fn open_existing(folder: &Path) -> Result<Database, OpenError> {
    let path = existing(folder)?;
    checked(&path, || builder().open(&path))
}

/// The store's file in a locked folder, which has content.
fn existing(folder: &Path) -> Result<PathBuf, OpenError> {
    let path = folder.join(FILE);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() == 0 => Err(damaged(&path, "it is empty")),
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Gone(path)),
        Err(source) => Err(OpenError::Unusable { path, source }),
    }
}

/// Opens the database that is in a locked folder on a disk that takes no writes.
pub(super) fn open_to_read(folder: &Path) -> Result<Database, OpenError> {
    let path = existing(folder)?;
    checked(&path, || {
        let file = FileBackend::new(File::open(&path)?)?;
        builder().create_with_backend(WritesInMemory::above(file).map_err(StorageError::Io)?)
    })
}

fn damaged(file: &Path, reason: &str) -> OpenError {
    OpenError::Damaged { file: file.to_owned(), reason: reason.to_owned() }
}

/// The engine as every store is opened with.
pub(super) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Writes an empty store aside, then gives it its name.
fn create(folder: &Path) -> io::Result<()> {
    let aside = folder.join(FILE_NEW);
    match std::fs::remove_file(&aside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = private_file().read(true).create_new(true).open(&aside)?;
    let file = FileBackend::new(file).map_err(io::Error::other)?;
    let database = builder().create_with_backend(file).map_err(io::Error::other)?;
    tables::create(&database).map_err(io::Error::other)?;
    drop(database);
    File::open(&aside)?.sync_all()?;
    std::fs::rename(&aside, folder.join(FILE))?;
    File::open(folder)?.sync_all()
}

/// Opens a database, and looks whether this program can read it.
fn checked(
    path: &Path,
    open: impl FnOnce() -> Result<Database, DatabaseError> + UnwindSafe,
) -> Result<Database, OpenError> {
    // The engine asserts on some kinds of damage; a damaged disk must not look like a bug of ours.
    let opened = quietly(|| {
        let database = open().map_err(|error| refused(path, error))?;
        let format = tables::format(&database).map_err(|fault| unreadable(path, &fault))?;
        Ok((database, format))
    });
    let (database, format) = opened.unwrap_or_else(|_| Err(damaged(path, "its engine gave up")))?;
    match format {
        tables::FORMAT => Ok(database),
        found => Err(OpenError::Newer { file: path.to_owned(), found, known: tables::FORMAT }),
    }
}

/// Runs what may panic, without a word on standard error: the caller says one sentence instead.
///
/// The hook is the whole process's. A server opens its store before it does anything else.
fn quietly<T>(work: impl FnOnce() -> T + UnwindSafe) -> thread::Result<T> {
    static HOOK: Mutex<()> = Mutex::new(());
    let _one_at_a_time = HOOK.lock().unwrap_or_else(PoisonError::into_inner);
    let hook = take_hook();
    set_hook(Box::new(|_| {}));
    let result = catch_unwind(work);
    set_hook(hook);
    result
}

fn refused(path: &Path, error: DatabaseError) -> OpenError {
    match error {
        DatabaseError::DatabaseAlreadyOpen => OpenError::InUse(path.to_owned()),
        DatabaseError::Storage(StorageError::Io(source)) if !is_damage(&source) => {
            OpenError::Unusable { path: path.to_owned(), source }
        }
        error => damaged(path, &error.to_string()),
    }
}

/// The kinds of input error that the engine reports for a file that is none of its own.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn unreadable(path: &Path, fault: &StoreError) -> OpenError {
    match fault {
        StoreError::ReopeningDatabase(error) => damaged(path, &error.to_string()),
        fault => damaged(path, &fault.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_that_is_only_read_leaves_its_file_alone() {
        let (used, copied) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        // Not closed in order: the engine has to write before it reads.
        let _open = open_or_create(used.path()).unwrap();
        let file = copied.path().join(FILE);
        std::fs::copy(used.path().join(FILE), &file).unwrap();
        let before = std::fs::read(&file).unwrap();
        let database = open_to_read(copied.path()).unwrap();
        assert_eq!(tables::batches(&database).unwrap(), 0);
        drop(database);
        assert_eq!(std::fs::read(&file).unwrap(), before);
        std::fs::remove_file(&file).unwrap();
        assert!(matches!(open_to_read(copied.path()), Err(OpenError::Gone(_))));
    }

    #[test]
    fn links_in_the_folder_are_not_followed() {
        for name in [LOCK, FILE] {
            let top = tempfile::tempdir().unwrap();
            let (folder, outside) = (top.path().join("data"), top.path().join("outside"));
            std::fs::create_dir(&folder).unwrap();
            std::os::unix::fs::symlink(&outside, folder.join(name)).unwrap();
            let refused = lock(&folder).unwrap_err();
            assert!(matches!(&refused, OpenError::Unusable { path, .. } if path.ends_with(name)));
            assert!(!outside.exists(), "{name}");
        }
    }
}
