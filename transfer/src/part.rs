//! A file that is not complete yet.

use std::fs::{File, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// The beginning of every part file's name. No finished file has it: safe names begin with no dot.
const PREFIX: &str = ".part-";

/// A file under a temporary name, in the folder where it is to stay. Dropping it removes it.
#[derive(Debug)]
pub struct Part {
    file: NamedTempFile,
    folder: PathBuf,
}

/// Why a complete file did not get its final name.
#[derive(Debug, thiserror::Error)]
pub enum LandError {
    /// Every name that was tried belongs to another file.
    #[error("every name tried is taken")]
    NamesTaken,
    /// The rename failed.
    #[error("renaming the complete file")]
    Rename(#[source] io::Error),
    /// The folder could not be made durable.
    #[error("writing the folder to the disk")]
    Folder(#[source] io::Error),
}

impl Part {
    /// A new, empty part file in `folder`, which is made if it is missing. `mode` is what the
    /// finished file may be read by, less the process's umask (Unix).
    ///
    /// # Errors
    /// The operating system's, where the folder or the file cannot be made.
    pub fn create(folder: &Path, mode: u32) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let file = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(permissions(mode))
            .tempfile_in(folder)?;
        Ok(Self { file, folder: folder.to_owned() })
    }

    /// Removes what unfinished transfers of a process that was killed left in `folder`.
    ///
    /// # Errors
    /// The operating system's, where the folder cannot be listed.
    pub fn remove_leftovers(folder: &Path) -> io::Result<()> {
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes()) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// The open file.
    pub(crate) fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Removes the file when it is dropped, wherever the part is by then.
    pub(crate) fn remover(&self) -> Remover {
        Remover(Some(self.file.path().to_owned()))
    }

    /// Gives the file the first of `names` that is free, never replacing another, and makes that
    /// durable. The file's content must have been synced before.
    ///
    /// # Errors
    /// [`LandError`]; the part file is removed then.
    pub fn land(self, names: impl IntoIterator<Item = String>) -> Result<String, LandError> {
        let Self { mut file, folder } = self;
        for name in names {
            match file.persist_noclobber(folder.join(&name)) {
                Ok(_) => {
                    sync_folder(&folder).map_err(LandError::Folder)?;
                    return Ok(name);
                }
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    file = taken.file;
                }
                Err(failed) => return Err(LandError::Rename(failed.error)),
            }
        }
        Err(LandError::NamesTaken)
    }
}

/// Removes a part file whose transfer is abandoned: the thread that writes it may find time for that
/// only when the process has ended.
#[derive(Debug)]
pub(crate) struct Remover(Option<PathBuf>);

impl Remover {
    /// The file stays.
    pub(crate) fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Remover {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            // Fails where the part itself was dropped before, and removed the file.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(unix)]
fn permissions(mode: u32) -> Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(mode)
}

/// Makes new names in `folder` survive a power cut.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_landing_file_replaces_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "old").unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("b")).unwrap();
        let mut part = Part::create(folder.path(), 0o600).unwrap();
        part.file().write_all(b"new").unwrap();

        let landed = part.land(["a", "b", "c"].map(String::from)).unwrap();

        assert_eq!(landed, "c");
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"old");
        assert_eq!(std::fs::read(folder.path().join("c")).unwrap(), b"new");
    }

    #[test]
    fn what_does_not_land_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), "").unwrap();
        let taken = Part::create(folder.path(), 0o600).unwrap().land(["a".to_owned()]);
        assert!(matches!(taken, Err(LandError::NamesTaken)));
        drop(Part::create(folder.path(), 0o600).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn leftovers_go_and_files_stay() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(".part-x"), "").unwrap();
        std::fs::write(folder.path().join("1_a"), "").unwrap();
        Part::remove_leftovers(folder.path()).unwrap();
        let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
        assert_eq!(names.len(), 1);
        assert_eq!(names[0].file_name(), "1_a");
    }
}
