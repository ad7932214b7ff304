//! The files of certificates and keys: a key is read only where nobody else can read it, and each is
//! written aside and renamed.

use std::fs::{DirBuilder, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::Path;

use crate::identity::error::{IdentityError, MakeError};

/// Who may read what.
pub(crate) const KEY_MODE: u32 = 0o600;
pub(crate) const CERTIFICATE_MODE: u32 = 0o644;

/// Of a folder that is made for them: others may read the certificate, and replace nothing.
const FOLDER_MODE: u32 = 0o755;

/// What a mode says of everybody but the file's owner.
const OTHERS: u32 = 0o077;

/// No such file is longer: a chain of certificates takes a few kilobytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file that everybody may read.
pub(crate) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    content(&open(what, path)?).map_err(|error| unreadable(what, path, &error))
}

/// Reads a file that nobody else may read.
pub(crate) fn read_secret(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    let file = open(what, path)?;
    // Of the file that is open, not of one that takes its place meanwhile.
    let metadata = file.metadata().map_err(|error| unreadable(what, path, &error))?;
    let mode = metadata.mode() & 0o777;
    match mode & OTHERS {
        0 => content(&file).map_err(|error| unreadable(what, path, &error)),
        _ => Err(IdentityError::Exposed { what, path: path.to_owned(), mode }),
    }
}

fn open(what: &'static str, path: &Path) -> Result<File, IdentityError> {
    File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => IdentityError::Missing { what, path: path.to_owned() },
        _ => unreadable(what, path, &error),
    })
}

fn content(file: &File) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut content)?;
    Ok(content)
}

pub(crate) fn unreadable(what: &'static str, path: &Path, reason: &dyn ToString) -> IdentityError {
    IdentityError::Unreadable { what, path: path.to_owned(), reason: reason.to_string() }
}

/// Writes a file aside, with its mode from the start, and renames it. Returns when it is on the disk.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), MakeError> {
    let write = || {
        let folder = folder_of(path);
        DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder)?;
        let permissions = Permissions::from_mode(mode);
        let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(folder)?;
        file.write_all(content)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        File::open(folder)?.sync_all()
    };
    write().map_err(|source| MakeError::Write { path: path.to_owned(), source })
}

/// Gives a file the name of another, which it replaces. Returns when that is on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), MakeError> {
    let rename = || {
        std::fs::rename(from, to)?;
        File::open(folder_of(to))?.sync_all()
    };
    rename().map_err(|source| MakeError::Write { path: to.to_owned(), source })
}

fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}
