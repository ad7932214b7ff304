//! The files in a folder and in those below it.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::{Chosen, ChosenFile};
use crate::failure::Failure;

/// How deep folders may lie in each other: deeper than that they were not made by people.
const DEPTH_MAX: usize = 64;

/// Adds what lies in a folder, in the order of the names, each folder's own files before those below.
/// A symbolic link is never followed: it could lead to anything.
///
/// # Errors
/// [`Failure`]: a folder cannot be read, there is no file at all, or there are too many or too deep.
pub(super) fn walk(folder: &Path, chosen: &mut Chosen) -> Result<(), Failure> {
    let before = chosen.files.len();
    let mut ahead = vec![(folder.to_owned(), 1)];
    let mut folders = 0;
    while let Some((folder, depth)) = ahead.pop() {
        folders += 1;
        if depth > DEPTH_MAX || folders > super::FILES_MAX {
            return Err(refused(&folder, "too many folders lie in each other"));
        }
        let entries = entries(&folder);
        let entries =
            entries.map_err(|error| refused(&folder, &format!("cannot be read: {error}")))?;
        for (path, kind) in entries.iter().filter(|(_, kind)| !kind.is_dir()) {
            match kind.is_file() {
                true => chosen.add(ChosenFile::at(path.clone()))?,
                false => {
                    chosen.check_room()?;
                    chosen.left_out.push(path.clone());
                }
            }
        }
        let folders = entries.into_iter().filter(|(_, kind)| kind.is_dir()).rev();
        ahead.extend(folders.map(|(path, _)| (path, depth + 1)));
    }
    match chosen.files.len() > before {
        true => Ok(()),
        false => Err(refused(folder, "no file lies in this folder")),
    }
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

fn refused(folder: &Path, why: &str) -> Failure {
    Failure::refused("local_file", format!("{}: {why}", folder.display()))
}
