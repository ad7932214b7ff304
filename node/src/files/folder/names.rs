//! The list of the complete files in the upload folder, and the binding of the folder to one store.

use std::fs::DirEntry;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use qchat_proto::StoredName;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::fs::{make_private, private_file, sync_folder};

/// The file in the data folder that contains the path of the bound upload folder.
const BINDING: &str = "upload_folder";

/// The number of names in one chunk.
const NAMES_CHUNK: usize = 512;

/// The names of the complete files in the folder, in chunks.
pub(crate) fn stored_names(folder: PathBuf) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
    let (names, chunks) = mpsc::channel(1);
    spawn_blocking(move || {
        if let Err(error) = send_names(&folder, &names) {
            // The receiver may be gone.
            let _ = names.blocking_send(Err(error));
        }
    });
    chunks
}

/// Whether the store in `data` is bound to this upload folder. A store is bound to the first upload folder that it
/// is started with and that contains no stored file at this time.
pub(crate) fn is_bound(folder: &Path, data: &Path) -> io::Result<bool> {
    let path = folder.canonicalize()?.into_os_string().into_encoded_bytes();
    let binding = data.join(BINDING);
    make_private(&binding);
    match std::fs::read(&binding) {
        Ok(bound) => Ok(bound == path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = std::fs::read_dir(folder)?.all(|entry| {
                let name = entry.map(|entry| stored_name(&entry));
                name.is_ok_and(|name| name.is_none())
            });
            if is_empty {
                // `create_new` does not follow a symbolic link.
                let mut file = private_file().create_new(true).open(binding)?;
                file.write_all(&path)?;
                // After a power cut, an empty file would bind the store to no folder for ever.
                file.sync_all()?;
                sync_folder(data)?;
            }
            Ok(is_empty)
        }
        Err(error) => Err(error),
    }
}

/// The stored name of a directory entry; `None` for any other file.
fn stored_name(entry: &DirEntry) -> Option<StoredName> {
    entry.file_name().into_string().ok().and_then(|name| name.parse().ok())
}

/// Sends the names in the folder, until the receiver is gone.
fn send_names(folder: &Path, names: &mpsc::Sender<io::Result<Vec<StoredName>>>) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(NAMES_CHUNK);
    for entry in std::fs::read_dir(folder)? {
        chunk.extend(stored_name(&entry?));
        if chunk.len() == NAMES_CHUNK
            && names.blocking_send(Ok(std::mem::take(&mut chunk))).is_err()
        {
            return Ok(());
        }
    }
    let _ = names.blocking_send(Ok(chunk));
    Ok(())
}

#[cfg(test)]
mod tests;
