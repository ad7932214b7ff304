//! Opens the database file, or creates one.

use std::fs::{File, TryLockError};
use std::panic::{UnwindSafe, catch_unwind, set_hook, take_hook};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::{io, thread};

use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};

use super::writes_in_memory::WritesInMemory;
use super::{format1, tables};
use crate::error_chain::error_chain;
use crate::fs::{create_private_folder, make_private, private_file, rename_file};
use crate::store::error::{OpenError, StoreError};

/// The database file in the data folder.
const FILE: &str = "qchat.redb";

/// The name of the database file while it is created. The file is renamed when it is complete: an interrupted
/// creation would leave a file that redb does not open.
const FILE_NEW: &str = "qchat.redb.new";

/// The lock file. A server locks it before it creates the database, and while it runs.
const LOCK: &str = "qchat.lock";

/// The bytes of redb's cache. The default of 1 GiB is more than a small server has.
const CACHE_BYTES: usize = 64 * 1024 * 1024;

/// Creates the folder if it is missing, and locks it. The lock is held until the returned file is closed.
pub(in crate::store) fn lock(folder: &Path) -> Result<File, OpenError> {
    let unusable = |source| OpenError::Unusable { path: folder.to_owned(), source };
    create_private_folder(folder).map_err(unusable)?;
    for name in [LOCK, FILE] {
        refuse_link(&folder.join(name))?;
    }
    let file = private_file().create(true).truncate(false).open(folder.join(LOCK));
    let file = file.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {
            // Earlier versions created these files with the umask of the process.
            [LOCK, FILE].iter().for_each(|name| make_private(&folder.join(name)));
            Ok(file)
        }
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(folder.to_owned())),
        Err(TryLockError::Error(source)) => Err(unusable(source)),
    }
}

/// Refuses a symbolic link, through which the store would write outside of the folder.
fn refuse_link(path: &Path) -> Result<(), OpenError> {
    match std::fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            let source = io::Error::other("this is a link, and only a file of the folder is used");
            Err(OpenError::Unusable { path: path.to_owned(), source })
        }
        // Opening the file reports any other problem.
        _ => Ok(()),
    }
}

/// Opens the database in a locked folder, or creates one if there is none.
pub(in crate::store) fn open_or_create(folder: &Path) -> Result<Database, OpenError> {
    match open_existing(folder) {
        Err(OpenError::Gone(path)) => {
            create(folder).map_err(|source| OpenError::Unusable { path, source })?;
            open_existing(folder)
        }
        opened => opened,
    }
}

/// Opens the existing database in a locked folder.
pub(in crate::store) fn open_existing(folder: &Path) -> Result<Database, OpenError> {
    let path = existing(folder)?;
    checked(&path, || builder().open(&path), format1::bring_forward)
}

/// The path of the database file, which exists and is not empty.
fn existing(folder: &Path) -> Result<PathBuf, OpenError> {
    let path = folder.join(FILE);
    match std::fs::metadata(&path) {
        Ok(metadata) if metadata.len() == 0 => Err(damaged(&path, "it is empty")),
        Ok(_) => Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(OpenError::Gone(path)),
        Err(source) => Err(OpenError::Unusable { path, source }),
    }
}

/// Opens the existing database on a disk that accepts no writes.
pub(in crate::store) fn open_to_read(folder: &Path) -> Result<Database, OpenError> {
    let path = existing(folder)?;
    let open = || {
        let file = FileBackend::new(File::open(&path)?)?;
        builder().create_with_backend(WritesInMemory::above(file).map_err(StorageError::Io)?)
    };
    // The whole store would have to be written anew, in memory.
    checked(&path, open, |_| Err(StoreError::ReadOnly))
}

fn damaged(file: &Path, reason: &str) -> OpenError {
    OpenError::Damaged { file: file.to_owned(), reason: reason.to_owned() }
}

/// The redb settings of every store.
pub(in crate::store) fn builder() -> Builder {
    let mut builder = Database::builder();
    builder.set_cache_size(CACHE_BYTES);
    builder
}

/// Creates an empty database under a temporary name, syncs it, and renames it.
fn create(folder: &Path) -> io::Result<()> {
    let new = folder.join(FILE_NEW);
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = private_file().read(true).create_new(true).open(&new)?;
    let file = FileBackend::new(file).map_err(io::Error::other)?;
    let database = builder().create_with_backend(file).map_err(io::Error::other)?;
    tables::create(&database).map_err(io::Error::other)?;
    drop(database);
    File::open(&new)?.sync_all()?;
    rename_file(&new, &folder.join(FILE))
}

/// Opens a database, brings an old one forward, and checks that this program can read its format.
fn checked(
    path: &Path,
    open: impl FnOnce() -> Result<Database, DatabaseError> + UnwindSafe,
    bring_forward: impl FnOnce(&Database) -> Result<(), StoreError> + UnwindSafe,
) -> Result<Database, OpenError> {
    // redb panics on some kinds of damage; a damaged disk must not look like a bug of qchat.
    let opened = without_panic_message(|| {
        let database = open().map_err(|error| refused(path, error))?;
        let mut format = tables::format(&database).map_err(|error| unreadable(path, &error))?;
        if format == 1 {
            bring_forward(&database).map_err(|error| not_brought_forward(path, &error))?;
            format = tables::FORMAT;
        }
        Ok((database, format))
    });
    let (database, format) = opened.unwrap_or_else(|_| Err(damaged(path, "its engine gave up")))?;
    match format {
        tables::FORMAT => Ok(database),
        found => Err(OpenError::Newer { file: path.to_owned(), found, known: tables::FORMAT }),
    }
}

/// Runs `work` and catches its panic, without the panic message on standard error: the caller reports the error
/// itself.
///
/// The panic hook belongs to the whole process. At the start of a server nothing else runs; during a reopening
/// the message of another thread's panic may be lost.
fn without_panic_message<T>(work: impl FnOnce() -> T + UnwindSafe) -> thread::Result<T> {
    static HOOK: Mutex<()> = Mutex::new(());
    let _one_at_a_time = crate::lock::lock(&HOOK);
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

/// The kinds of I/O error that redb reports for a file that is no redb database.
fn is_damage(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
}

fn unreadable(path: &Path, error: &StoreError) -> OpenError {
    match error {
        StoreError::Database(error) => damaged(path, &error.to_string()),
        error => damaged(path, &error.to_string()),
    }
}

fn not_brought_forward(path: &Path, error: &StoreError) -> OpenError {
    match error {
        StoreError::Damaged(_) => damaged(path, &error.to_string()),
        error => {
            let reason = format!(
                "its format is old, and a new one cannot be written: {}",
                error_chain(error)
            );
            OpenError::Unusable { path: path.to_owned(), source: io::Error::other(reason) }
        }
    }
}

#[cfg(test)]
mod tests;
