//! A small file that only its owner can read, that writers lock, and that is replaced in one step. All
//! functions read or write the disk.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Locks `path` for this writer, until the returned file is closed. Waits for other writers. The folder is
/// made if it is missing, for its owner alone.
///
/// # Errors
/// The operating system's.
pub fn lock(path: &Path) -> io::Result<File> {
    let lock = lock_file(path)?;
    lock.lock()?;
    Ok(lock)
}

/// Locks `path` without waiting: `None` if another writer has the lock.
///
/// # Errors
/// The operating system's.
pub fn try_lock(path: &Path) -> io::Result<Option<File>> {
    let lock = lock_file(path)?;
    match lock.try_lock() {
        Ok(()) => Ok(Some(lock)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// The lock file is beside the file, since the file itself is replaced. It is never removed: a process that
/// waits for the lock on a removed file would get it together with a process that locks a new one.
fn lock_file(path: &Path) -> io::Result<File> {
    make_folder(folder_of(path))?;
    let mut lock = OsString::from(path);
    lock.push(".lock");
    open_own(Path::new(&lock))
}

/// Opens the file for reading and writing, and makes it if it is missing. A link is not followed, neither to
/// an existing file nor to a missing one.
///
/// # Errors
/// The operating system's; an error, too, if the path is no regular file or has a second name.
pub fn open_own(path: &Path) -> io::Result<File> {
    let mut options = private();
    options.read(true).write(true);
    let file = match options.create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // Nothing is written before the check below that it is no link.
            options.create_new(false).open(path)?
        }
        opened => opened?,
    };
    match is_own(&file, path)? {
        true => Ok(file),
        false => Err(io::Error::other(format!("{} is a link, or no file", path.display()))),
    }
}

/// Whether the open file is at the path, and has no other name.
#[cfg(unix)]
fn is_own(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let open = file.metadata()?;
    if open.nlink() == 0 {
        // Its owner has just removed it. The caller that locks it notices that.
        return Ok(true);
    }
    let there = fs::symlink_metadata(path)?;
    Ok(there.is_file()
        && there.nlink() == 1
        && (open.dev(), open.ino()) == (there.dev(), there.ino()))
}

#[cfg(not(unix))]
fn is_own(_: &File, path: &Path) -> io::Result<bool> {
    Ok(fs::symlink_metadata(path)?.is_file())
}

/// Replaces the file in one step that survives a power cut. Its folder must exist.
///
/// # Errors
/// The operating system's; the file is as it was, or was replaced and may not survive a power cut.
pub fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A temporary file is made with mode 0600.
    let mut file = NamedTempFile::new_in(folder_of(path))?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    sync_folder(folder_of(path))
}

/// Reads a file that holds a secret: at most `bytes_max` bytes of it. `None` if there is no file.
///
/// # Errors
/// The operating system's; [`io::ErrorKind::PermissionDenied`] with a remedy if others can read the
/// file, too; [`io::ErrorKind::InvalidData`] if it is longer.
pub fn read_secret(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open_existing(path)? else { return Ok(None) };
    check_secret(&file, path)?;
    read_bounded(file, bytes_max).map(Some)
}

/// Reads a text that is no secret: at most `bytes_max` bytes of it. `None` if there is no file.
///
/// # Errors
/// The operating system's; [`io::ErrorKind::InvalidData`] if it is longer, or is not UTF-8.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> io::Result<Option<String>> {
    let Some(file) = open_existing(path)? else { return Ok(None) };
    let text = String::from_utf8(read_bounded(file, bytes_max)?);
    text.map(Some).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

fn open_existing(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => file.map(Some),
    }
}

fn read_bounded(file: File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut content)?;
    match u64::try_from(content.len()) {
        Ok(length) if length <= bytes_max => Ok(content),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "the file is too long")),
    }
}

/// Checks that only its owner can read a file that holds a secret. Checks the open file, not another one that
/// replaces it meanwhile.
///
/// # Errors
/// [`io::ErrorKind::PermissionDenied`], with a remedy.
#[cfg(unix)]
pub fn check_secret(file: &File, path: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    let metadata = file.metadata()?;
    let mode = metadata.mode() & 0o777;
    // A pipe, such as a shell's <(…), has no path that others could open.
    if mode & 0o077 == 0 || !metadata.is_file() {
        return Ok(());
    }
    let path = path.display();
    let text =
        format!("others can read it (mode {mode:04o}): make it yours alone with chmod 600 {path}");
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

/// Other systems have no modes; the folder's permissions protect the file.
///
/// # Errors
/// None.
#[cfg(not(unix))]
pub fn check_secret(_file: &File, _path: &Path) -> io::Result<()> {
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn private() -> OpenOptions {
    let mut options = File::options();
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a folder, and those above it, for its owner alone. One that exists is left as it is.
///
/// # Errors
/// The operating system's.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Other systems do not let a folder be opened, and make renames durable by themselves.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests;
