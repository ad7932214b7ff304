//! What lies in the upload folder under final names, and whose it is.

use std::fs::{DirEntry, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use qchat_proto::StoredName;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use crate::fs::{make_private, private_file};

/// The file in the data folder that names the upload folder which was empty when they met.
const BOUND: &str = "upload_folder";

/// How many names of stored files are looked at together.
const NAMES_CHUNK: usize = 512;

/// The names of the files in the folder that are complete, some at a time.
pub(crate) fn of(folder: PathBuf) -> mpsc::Receiver<io::Result<Vec<StoredName>>> {
    let (names, chunks) = mpsc::channel(1);
    spawn_blocking(move || {
        if let Err(error) = list(&folder, &names) {
            // Nobody may listen any more.
            let _ = names.blocking_send(Err(error));
        }
    });
    chunks
}

/// Whether the store in `data` is bound to this upload folder. It is bound to the first one that holds no
/// file when they meet.
pub(crate) fn is_bound(folder: &Path, data: &Path) -> io::Result<bool> {
    let path = folder.canonicalize()?.into_os_string().into_encoded_bytes();
    let bound = data.join(BOUND);
    make_private(&bound);
    match std::fs::read(&bound) {
        Ok(known) => Ok(known == path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let is_empty = std::fs::read_dir(folder)?.all(|entry| {
                let name = entry.map(|entry| stored_name(&entry));
                name.is_ok_and(|name| name.is_none())
            });
            if is_empty {
                // Where a link lies there, nothing is written to where it leads.
                let mut file = private_file().create_new(true).open(bound)?;
                file.write_all(&path)?;
                // A binding that a power cut had emptied would name no folder, for ever.
                file.sync_all()?;
                File::open(data)?.sync_all()?;
            }
            Ok(is_empty)
        }
        Err(error) => Err(error),
    }
}

/// What has no stored file's name is none.
fn stored_name(entry: &DirEntry) -> Option<StoredName> {
    entry.file_name().into_string().ok().and_then(|name| name.parse().ok())
}

/// Reads the folder until nobody listens any more.
fn list(folder: &Path, names: &mpsc::Sender<io::Result<Vec<StoredName>>>) -> io::Result<()> {
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
mod tests {
    use super::*;

    #[test]
    fn a_store_is_bound_to_the_folder_that_was_empty_when_they_met() {
        let (data, full) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let open = |folder: &Path| is_bound(folder, data.path()).unwrap();
        std::fs::write(full.path().join("1763833207123_a.txt"), "of another store").unwrap();
        assert!(!open(full.path()));
        let empty = tempfile::tempdir().unwrap();
        std::fs::write(empty.path().join("README.md"), "no file of a store").unwrap();
        assert!(open(empty.path()));
        std::fs::write(empty.path().join("1763833207123_a.txt"), "of this store").unwrap();
        assert!(open(empty.path()));
        std::fs::remove_file(full.path().join("1763833207123_a.txt")).unwrap();
        assert!(!open(full.path()));
    }
}
