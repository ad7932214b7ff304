//! Gives a complete file its final name, durably and without replacing another file.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::TempPath;

/// The reason why a complete file did not get its final name.
#[derive(Debug, thiserror::Error)]
pub enum FinishError {
    /// Each name that was tried belongs to another file.
    #[error("every name tried is taken")]
    NamesTaken,
    /// The file could not get its name.
    #[error("naming the complete file")]
    Name(#[source] io::Error),
    /// The folder could not be made durable.
    #[error("writing the folder to the disk")]
    Folder(#[source] io::Error),
}

/// Gives a file the first of `names` that is free in `folder`, with `try_name`, and makes the name durable.
pub(super) fn try_names(
    folder: &Path,
    names: impl IntoIterator<Item = String>,
    mut try_name: impl FnMut(&Path) -> io::Result<()>,
) -> Result<String, FinishError> {
    for name in names {
        match try_name(&folder.join(&name)) {
            Ok(()) => {
                sync_folder(folder).map_err(FinishError::Folder)?;
                return Ok(name);
            }
            Err(taken) if taken.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FinishError::Name(error)),
        }
    }
    Err(FinishError::NamesTaken)
}

/// Renames a file, and replaces no other file.
pub(super) fn rename(path: &Path, target: &Path) -> io::Result<()> {
    let renamed = TempPath::try_from_path(path)?.persist_noclobber(target);
    renamed.map_err(|failed| {
        // Otherwise the file would be removed.
        let _ = failed.path.keep();
        failed.error
    })
}

/// Makes new names in `folder` durable.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
