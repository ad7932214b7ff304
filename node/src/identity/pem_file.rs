//! The PEM files of certificates and keys. A key is read only if other users cannot read it, and files are replaced
//! atomically.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use crate::fs::{PRIVATE_FILE_MODE, folder_of, is_private, rename_file, replace_file};
use crate::identity::error::{IdentityError, MakeError};

/// The mode of a key file.
pub(crate) const KEY_MODE: u32 = PRIVATE_FILE_MODE;

/// The mode of a certificate file, which everybody may read.
pub(crate) const CERTIFICATE_MODE: u32 = 0o644;

/// The mode of a created folder: other users may read the certificate, but cannot replace a file.
const FOLDER_MODE: u32 = 0o755;

/// The longest valid file. A certificate chain has a few kilobytes.
const BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file that everybody may read.
pub(crate) fn read(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    content(&open(what, path)?).map_err(|error| unreadable(what, path, &error))
}

/// Reads a file that only its owner may read.
pub(crate) fn read_secret(what: &'static str, path: &Path) -> Result<Vec<u8>, IdentityError> {
    let file = open(what, path)?;
    // The mode of the open file, because another file may replace it meanwhile.
    let metadata = file.metadata().map_err(|error| unreadable(what, path, &error))?;
    match is_private(&metadata) {
        true => content(&file).map_err(|error| unreadable(what, path, &error)),
        false => {
            let mode = metadata.mode() & 0o777;
            Err(IdentityError::Exposed { what, path: path.to_owned(), mode })
        }
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

/// Replaces a file, and creates its folder if it is missing. The file is durable when this returns.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), MakeError> {
    let folder = DirBuilder::new().recursive(true).mode(FOLDER_MODE).create(folder_of(path));
    folder
        .and_then(|()| replace_file(path, content, mode))
        .map_err(|source| MakeError::Write { path: path.to_owned(), source })
}

/// Renames a file over another. The rename is durable when this returns.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), MakeError> {
    rename_file(from, to).map_err(|source| MakeError::Write { path: to.to_owned(), source })
}
