//! The files that a line names: one, several, those that fit a pattern, and what lies in a folder.
//!
//! A line is read without a look at the disk; what it names is found when it is done.

mod names;
mod sent_name;
mod walk;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use qchat_proto::{ClientId, FileName, FilePath};
use tokio::task::spawn_blocking;

use crate::error::CommandError;
pub(crate) use names::FileArguments;
use sent_name::TakenNames;

/// How many files one line may send.
const FILES_MAX: usize = 10_000;

/// What a line sends.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct FileSelection {
    /// In the order in which they are sent.
    pub(crate) files: Vec<SelectedFile>,
    /// What lies in the folders and is no file of theirs: symbolic links, devices, pipes.
    pub(crate) left_out: Vec<SkippedEntry>,
    /// Those files and folders that are called otherwise where they go to.
    pub(crate) renamed: Vec<RenamedFile>,
    /// Where it was found that the line names.
    places: Vec<PathBuf>,
    known: HashSet<PathBuf>,
}

/// A file or a folder whose name could do harm where it goes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RenamedFile {
    pub(crate) path: PathBuf,
    /// What it is called there, with the folders above it.
    pub(crate) sent_as: String,
}

/// An entry of a folder that is not sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SkippedEntry {
    pub(crate) path: PathBuf,
    /// Its kind, in words for the sender.
    pub(crate) kind: &'static str,
}

/// One of several files.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SelectedFile {
    pub(crate) path: PathBuf,
    /// What it is called where it goes to, with what is above it of a folder that is sent.
    pub(crate) name: FilePath,
    /// As it was when it was found; 0 where nothing is known.
    pub(crate) bytes: u64,
    changed_nanoseconds: u128,
}

impl FileArguments {
    /// Finds the files.
    ///
    /// # Errors
    /// [`CommandError`]: a name leads nowhere, a folder cannot be read or is empty, or there are too many.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn choose(
        &self,
        folder: Option<&Path>,
    ) -> Result<FileSelection, CommandError> {
        let (named, folder) = (self.clone(), folder.map(Path::to_owned));
        spawn_blocking(move || named.choose_now(folder.as_deref()))
            .await
            .unwrap_or_else(|panic| Err(CommandError::refused("internal", panic.to_string())))
    }

    fn choose_now(&self, folder: Option<&Path>) -> Result<FileSelection, CommandError> {
        let mut chosen = FileSelection::default();
        let mut tops = TakenNames::default();
        for path in self.find(folder)? {
            match path.is_dir() {
                true => walk::walk(&path, &mut tops, &mut chosen)?,
                false => chosen.add_alone(&path)?,
            }
            chosen.places.push(from_the_root(&path));
        }
        Ok(chosen)
    }
}

impl FileSelection {
    fn add(&mut self, file: SelectedFile) -> Result<(), CommandError> {
        self.check_room()?;
        if self.known.insert(file.path.clone()) {
            self.files.push(file);
        }
        Ok(())
    }

    /// Adds a file that is sent without a folder.
    fn add_alone(&mut self, path: &Path) -> Result<(), CommandError> {
        let name = sent_name::alone(path);
        self.note_name(path, &name, name.as_str());
        self.add(SelectedFile::at(path.to_owned(), name.into()))
    }

    /// Notes a name that is another one where the file or folder goes to.
    fn note_name(&mut self, path: &Path, name: &FileName, sent_as: &str) {
        let same = path.file_name().is_none_or(|own| own == name.as_str());
        if !same && !self.renamed.iter().any(|renamed| renamed.path == path) {
            self.renamed.push(RenamedFile { path: path.to_owned(), sent_as: sent_as.to_owned() });
        }
    }

    fn check_room(&self) -> Result<(), CommandError> {
        match self.files.len() + self.left_out.len() < FILES_MAX {
            true => Ok(()),
            false => {
                let text = format!("these are more than {FILES_MAX} files; nothing was sent");
                Err(CommandError::refused("local_file", text))
            }
        }
    }

    /// The file, where there is no other and nothing was left out.
    pub(crate) fn only(&self) -> Option<&SelectedFile> {
        match self.files.as_slice() {
            [file] if self.left_out.is_empty() => Some(file),
            _ => None,
        }
    }

    /// What tells the line from those that name other files and folders, whatever they call them.
    pub(crate) fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("qchat 2026-11 files of a line");
        for place in &self.places {
            hasher.update(place.as_os_str().as_encoded_bytes()).update(&[0]);
        }
        hasher.finalize().to_hex().to_string()
    }

    /// How long they are together.
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

    /// Under which it is sent by the line that has the id `line`, however often that is tried. A file
    /// that has changed since, or goes into another folder, is another one.
    pub(crate) fn id(&self, line: ClientId) -> ClientId {
        let mut hasher = blake3::Hasher::new_derive_key("qchat 2026-11 file of a line");
        hasher.update(&line.0);
        hasher.update(&self.bytes.to_be_bytes());
        hasher.update(&self.changed_nanoseconds.to_be_bytes());
        hasher.update(from_the_root(&self.path).as_os_str().as_encoded_bytes());
        if let Some(folder) = self.name.folder() {
            hasher.update(&[0]).update(folder.as_str().as_bytes());
        }
        let mut id = [0; 16];
        hasher.finalize_xof().fill(&mut id);
        ClientId(id)
    }
}

/// The same path from wherever it is looked at, and with or without a slash at its end. A link in it stays one.
fn from_the_root(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path.components().collect()
}

#[cfg(test)]
mod tests;
