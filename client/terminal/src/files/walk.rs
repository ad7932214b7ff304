//! The files in a folder and in those below it.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use qchat_proto::{FileName, FolderPath};

use super::{Chosen, ChosenFile};
use crate::failure::Failure;

/// Adds what lies in a folder, in the order of the names, each folder's own files before those below.
/// A symbolic link is never followed: it could lead to anything. Each file keeps the folders above it, from
/// the one that was named on.
///
/// # Errors
/// [`Failure`]: a folder cannot be read, there is no file at all, or there are too many or too deep.
pub(super) fn walk(folder: &Path, chosen: &mut Chosen) -> Result<(), Failure> {
    let before = chosen.files.len();
    let top = own_name(folder).map_err(|error| unreadable(folder, &error))?;
    let mut ahead = vec![(folder.to_owned(), top)];
    let mut folders = 0;
    while let Some((folder, sent_as)) = ahead.pop() {
        folders += 1;
        if folders > super::FILES_MAX {
            return Err(refused(&folder, "these are too many folders"));
        }
        let entries = entries(&folder).map_err(|error| unreadable(&folder, &error))?;
        for (path, kind) in entries.iter().filter(|(_, kind)| !kind.is_dir()) {
            match kind.is_file() {
                true => chosen.add(ChosenFile::at(path.clone(), sent_as.clone()))?,
                false => {
                    chosen.check_room()?;
                    chosen.left_out.push(path.clone());
                }
            }
        }
        for (path, _) in entries.into_iter().filter(|(_, kind)| kind.is_dir()).rev() {
            let below = FolderPath::below(sent_as.as_ref(), &last_name(&path));
            let below = below.map_err(|wrong| refused(&path, &wrong.to_string()))?;
            ahead.push((path, Some(below)));
        }
    }
    match chosen.files.len() > before {
        true => Ok(()),
        false => Err(refused(folder, "no file lies in this folder")),
    }
}

/// The folder's name as the sender knows it: the one it was called by, and where that says no name (`.`, `..`),
/// its real one. The root has none.
fn own_name(folder: &Path) -> io::Result<Option<FolderPath>> {
    let real = match folder.file_name() {
        Some(_) => folder.to_owned(),
        None => folder.canonicalize()?,
    };
    Ok(real.file_name().and_then(|_| FolderPath::below(None, &last_name(&real)).ok()))
}

fn last_name(path: &Path) -> FileName {
    path.file_name().unwrap_or_default().to_string_lossy().as_ref().into()
}

/// What lies in a folder, sorted.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut entries = Vec::new();
    // One more than may be sent is enough to see that these are too many.
    for entry in fs::read_dir(folder)?.take(super::FILES_MAX + 1) {
        let entry = entry?;
        // Of the entry itself, not of what a link leads to.
        entries.push((entry.path(), entry.file_type()?));
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries)
}

fn unreadable(folder: &Path, error: &io::Error) -> Failure {
    refused(folder, &format!("cannot be read: {error}"))
}

fn refused(folder: &Path, why: &str) -> Failure {
    Failure::refused("local_file", format!("{}: {why}", folder.display()))
}
