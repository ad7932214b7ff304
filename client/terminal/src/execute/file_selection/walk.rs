//! Selects all files below a folder.

use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use qchat_proto::{Code, FileName, FilePath, FolderPath};

use super::resolve::FILES_MAX;
use super::sent_name::TakenNames;
use super::{FileSelection, SelectedFile};
use crate::error::{CommandError, CommandResult};
use crate::outcome::SkippedEntry;

/// Adds the files of a folder, sorted by name: each folder's own files come before those below it. Each file
/// keeps its folders, from the named one on. A symbolic link is never followed, because it could lead anywhere.
///
/// # Errors
/// [`CommandError`]: a folder cannot be read, there is no file, or there are too many files or levels.
pub(super) fn walk(
    folder: &Path,
    tops: &mut TakenNames,
    chosen: &mut FileSelection,
) -> CommandResult<()> {
    let before = chosen.files.len();
    let top = own_path(folder).map_err(|error| unreadable(folder, &error))?;
    let top = top.map(|own| chosen.sent_as(folder, None, &tops.top(&own))).transpose()?;
    let mut ahead = vec![(folder.to_owned(), top)];
    let mut folders = 0;
    while let Some((folder, sent_as)) = ahead.pop() {
        folders += 1;
        if folders > FILES_MAX {
            return Err(refused(&folder, "these are too many folders"));
        }
        let below = chosen.take(&folder, sent_as.as_ref())?;
        ahead.extend(below.into_iter().rev());
    }
    match chosen.files.len() > before {
        true => Ok(()),
        false => Err(refused(folder, "no file lies in this folder")),
    }
}

/// A folder that is still to be read, and its name on the way.
type Ahead = (PathBuf, Option<FolderPath>);

impl FileSelection {
    /// Adds the files of a folder, and returns the folders in it.
    fn take(&mut self, folder: &Path, sent_as: Option<&FolderPath>) -> CommandResult<Vec<Ahead>> {
        let mut entries = entries(folder).map_err(|error| unreadable(folder, &error))?;
        for (path, kind) in entries.extract_if(.., |(_, kind)| !kind.is_dir() && !kind.is_file()) {
            self.check_room()?;
            self.left_out.push(SkippedEntry { path, kind: in_words(kind) });
        }
        let paths: Vec<_> = entries.iter().map(|(path, _)| path.as_path()).collect();
        let names = TakenNames::inside(&paths);
        let mut below = Vec::new();
        for ((path, kind), name) in entries.into_iter().zip(names) {
            if kind.is_dir() {
                let sent_as = self.sent_as(&path, sent_as, &name)?;
                below.push((path, Some(sent_as)));
            } else {
                let sent_as = FilePath::new(sent_as.cloned(), name);
                self.note_name(&path, sent_as.name(), &sent_as.to_string());
                self.add(SelectedFile::at(path, sent_as))?;
            }
        }
        Ok(below)
    }

    /// The name of a folder on the way.
    fn sent_as(
        &mut self,
        path: &Path,
        above: Option<&FolderPath>,
        name: &FileName,
    ) -> CommandResult<FolderPath> {
        let sent_as = FolderPath::below(above, name);
        let sent_as = sent_as.map_err(|wrong| refused(path, &wrong.to_string()))?;
        self.note_name(path, name, &format!("{sent_as}/"));
        Ok(sent_as)
    }
}

fn in_words(kind: FileType) -> &'static str {
    match kind.is_symlink() {
        true => "a symbolic link, which is not followed",
        false => "a device, socket or pipe",
    }
}

/// The path whose last part is the name of the folder: the path as it was written, or the real one if the
/// written path ends in `.` or `..`. The root has no name.
fn own_path(folder: &Path) -> io::Result<Option<PathBuf>> {
    let real = match folder.file_name() {
        Some(_) => folder.to_owned(),
        None => folder.canonicalize()?,
    };
    Ok(Some(real).filter(|real| real.file_name().is_some()))
}

/// The entries of a folder, sorted.
fn entries(folder: &Path) -> io::Result<Vec<(PathBuf, FileType)>> {
    let mut entries = Vec::new();
    // One entry more than allowed shows that there are too many.
    for entry in fs::read_dir(folder)?.take(FILES_MAX + 1) {
        let entry = entry?;
        // The kind of the entry itself, not of the target of a link.
        entries.push((entry.path(), entry.file_type()?));
    }
    entries.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(entries)
}

fn unreadable(folder: &Path, error: &io::Error) -> CommandError {
    refused(folder, &format!("cannot be read: {error}"))
}

fn refused(folder: &Path, why: &str) -> CommandError {
    CommandError::refused(Code::LocalFile, format!("{}: {why}", folder.display()))
}
