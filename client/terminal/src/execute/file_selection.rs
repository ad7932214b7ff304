//! The files that a line sends: one, several, all that match a pattern, and all below a folder.
//!
//! A line is parsed without a look at the disk. Its files are selected when it runs.

mod resolve;
mod sent_name;
mod walk;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use qchat_proto::{ClientId, Code, FileName, FilePath};
use tokio::task::spawn_blocking;

use crate::command::FileArguments;
use crate::error::{CommandError, CommandResult};
use crate::outcome::{RenamedFile, SkippedEntry};
pub(crate) use resolve::absolute_names;
use resolve::{FILES_MAX, resolve};
use sent_name::TakenNames;

/// Selects the files that a line names.
///
/// # Errors
/// [`CommandError`]: a name does not exist, a folder cannot be read or is empty, or there are too many files.
///
/// # Cancel safety
/// Cancel safe.
pub(crate) async fn select_files(
    files: &FileArguments,
    folder: Option<&Path>,
) -> CommandResult<FileSelection> {
    let (files, folder) = (files.clone(), folder.map(Path::to_owned));
    spawn_blocking(move || FileSelection::of(&files, folder.as_deref()))
        .await
        .unwrap_or_else(|panic| Err(CommandError::refused(Code::Internal, panic.to_string())))
}

/// The files of one line.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FileSelection {
    /// In the order in which they are sent.
    pub(crate) files: Vec<SelectedFile>,
    /// Entries of the folders that are no files: symbolic links, devices, pipes.
    pub(crate) left_out: Vec<SkippedEntry>,
    /// Files and folders that get another name on the way.
    pub(crate) renamed: Vec<RenamedFile>,
    /// The absolute paths that the line names.
    places: Vec<PathBuf>,
    known: HashSet<PathBuf>,
}

/// One file of a selection.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelectedFile {
    pub(crate) path: PathBuf,
    /// The name under which it is sent, with the folders above it if a folder is sent.
    pub(crate) name: FilePath,
    /// The size when the file was selected; 0 if that is not known.
    pub(crate) bytes: u64,
    changed_nanoseconds: u128,
}

impl FileSelection {
    /// Waits for the disk.
    fn of(files: &FileArguments, folder: Option<&Path>) -> CommandResult<Self> {
        let mut selection = Self::default();
        let mut tops = TakenNames::default();
        for path in resolve(files, folder)? {
            match path.is_dir() {
                true => walk::walk(&path, &mut tops, &mut selection)?,
                false => selection.add_alone(&path)?,
            }
            selection.places.push(absolute(&path));
        }
        Ok(selection)
    }

    fn add(&mut self, file: SelectedFile) -> CommandResult<()> {
        self.check_room()?;
        if self.known.insert(file.path.clone()) {
            self.files.push(file);
        }
        Ok(())
    }

    /// Adds a file that is sent without a folder.
    fn add_alone(&mut self, path: &Path) -> CommandResult<()> {
        let name = sent_name::alone(path);
        self.note_name(path, &name, name.as_str());
        self.add(SelectedFile::at(path.to_owned(), name.into()))
    }

    /// Notes the file or folder if its name changes on the way.
    fn note_name(&mut self, path: &Path, name: &FileName, sent_as: &str) {
        let same = path.file_name().is_none_or(|own| own == name.as_str());
        if !same && !self.renamed.iter().any(|renamed| renamed.path == path) {
            self.renamed.push(RenamedFile { path: path.to_owned(), sent_as: sent_as.to_owned() });
        }
    }

    fn check_room(&self) -> CommandResult<()> {
        match self.files.len() + self.left_out.len() < FILES_MAX {
            true => Ok(()),
            false => {
                let text = format!("these are more than {FILES_MAX} files; nothing was sent");
                Err(CommandError::refused(Code::LocalFile, text))
            }
        }
    }

    /// The file, if it is the only one and no entry was left out.
    pub(crate) fn only(&self) -> Option<&SelectedFile> {
        match self.files.as_slice() {
            [file] if self.left_out.is_empty() => Some(file),
            _ => None,
        }
    }

    /// Tells the line from lines that name other files and folders. Two spellings of one path are the same.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("qchat 2026-11 files of a line");
        for place in &self.places {
            hasher.update(place.as_os_str().as_encoded_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// The sum of the sizes.
    pub(crate) fn bytes(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.bytes))
    }
}

impl SelectedFile {
    fn at(path: PathBuf, name: FilePath) -> Self {
        let metadata = path.metadata().ok();
        let changed = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        let changed = changed.and_then(|changed| changed.duration_since(UNIX_EPOCH).ok());
        Self {
            path,
            name,
            bytes: metadata.map_or(0, |metadata| metadata.len()),
            changed_nanoseconds: changed.map_or(0, |changed| changed.as_nanos()),
        }
    }

    /// The id under which the line with the id `line` sends the file, the same in every attempt. A file that
    /// has changed, or that goes into another folder, gets another id.
    pub(crate) fn id(&self, line: ClientId) -> ClientId {
        let mut hasher = blake3::Hasher::new_derive_key("qchat 2026-11 file of a line");
        hasher.update(&line.0);
        hasher.update(&self.bytes.to_be_bytes());
        hasher.update(&self.changed_nanoseconds.to_be_bytes());
        hasher.update(absolute(&self.path).as_os_str().as_encoded_bytes());
        if let Some(folder) = self.name.folder() {
            hasher.update(&[0]).update(folder.as_str().as_bytes());
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        ClientId(id)
    }
}

/// The absolute path, without a slash at its end. Symbolic links in it are kept.
fn absolute(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect()
}

#[cfg(test)]
mod tests;
