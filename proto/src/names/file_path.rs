//! The path of a file on the sender's disk: its name, and those folders above it that were sent along.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::limits::{FOLDER_PATH_BYTES_MAX, FOLDERS_MAX};
use crate::names::checked_string::{checked_string, parsed_string};
use crate::names::file_name::FileName;

/// Nested folders, the outermost first: `photos/2024`. 1 to 32 names, each sanitized as a [`FileName`], and
/// at most 1,024 bytes with the slashes between them. The outermost name stands alone, the others are
/// inside a folder.
///
/// The path only leads down, also after decoding.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FolderPath(String);

/// The text is not a path of folders.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a path of folders is at most {FOLDERS_MAX} names and {FOLDER_PATH_BYTES_MAX} bytes long")]
pub struct FolderPathError;

impl FolderPath {
    /// The folder `name` in the folder `above`, or an outermost folder.
    ///
    /// # Errors
    /// [`FolderPathError`], if the path would be too deep or too long.
    pub fn below(above: Option<&Self>, name: &FileName) -> Result<Self, FolderPathError> {
        let name = name_in(above, name.clone());
        let above = above.map_or("", Self::as_str);
        let depth = above.split('/').filter(|name| !name.is_empty()).count();
        let path = match above {
            "" => name.to_string(),
            above => format!("{above}/{name}"),
        };
        let fits = depth < FOLDERS_MAX && path.len() <= FOLDER_PATH_BYTES_MAX;
        fits.then_some(Self(path)).ok_or(FolderPathError)
    }

    /// The names of the folders, the outermost first. Each is one path component.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// The name, sanitized for its position: inside the folder `above`, or standing alone.
fn name_in(above: Option<&FolderPath>, name: FileName) -> FileName {
    match above {
        Some(_) => name,
        None => FileName::from(name.as_str()),
    }
}

/// Whether the text is a name, and not empty, the same folder or the folder above.
fn is_name(text: &str) -> bool {
    !matches!(text, "" | "." | "..")
}

/// Each name is sanitized. A text that leads up or has an empty name is refused, since its meaning is
/// ambiguous.
impl FromStr for FolderPath {
    type Err = FolderPathError;

    fn from_str(text: &str) -> Result<Self, FolderPathError> {
        let mut path = None;
        for name in text.split('/') {
            let name = Some(name).filter(|name| is_name(name)).ok_or(FolderPathError)?;
            path = Some(Self::below(path.as_ref(), &FileName::inside(name))?);
        }
        path.ok_or(FolderPathError)
    }
}

checked_string!(FolderPath, Debug as Debug);
parsed_string!(FolderPath, FolderPathError);

/// The name of a file, below the folders that were sent along, if any: `photos/2024/a.jpg`. Each part is one
/// sanitized path component. A flag says whether the owner of the file may execute it.
///
/// The encoding is one string, as that of a [`FileName`], so a program that does not know folders reads a
/// harmless name. The conversion accepts any text, also while decoding, and is idempotent. If the text
/// before the last slash is not a [`FolderPath`], the whole text is one name.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct FilePath {
    folder: Option<FolderPath>,
    name: FileName,
    is_executable: bool,
}

/// The suffix of an encoded path that marks the file as executable. No name contains this character. A
/// program that does not know the mark reads a space there, and drops it. So older programs read the same
/// name, and stored paths keep their bytes.
const EXECUTABLE: char = '\u{2029}';

impl FilePath {
    /// The file `name`, in a folder or standing alone.
    pub fn new(folder: Option<FolderPath>, name: FileName) -> Self {
        let name = name_in(folder.as_ref(), name);
        Self { folder, name, is_executable: false }
    }

    /// The same path, with the flag set to `is_executable`.
    #[must_use]
    pub fn with_executable(self, is_executable: bool) -> Self {
        Self { is_executable, ..self }
    }

    /// Whether the owner of the file may execute it.
    pub fn is_executable(&self) -> bool {
        self.is_executable
    }

    /// The folders that the file was sent with, if any.
    pub fn folder(&self) -> Option<&FolderPath> {
        self.folder.as_ref()
    }

    /// The name without the folders.
    pub fn name(&self) -> &FileName {
        &self.name
    }
}

impl From<&str> for FilePath {
    fn from(text: &str) -> Self {
        let (text, is_executable) = match text.strip_suffix(EXECUTABLE) {
            Some(text) => (text, true),
            None => (text, false),
        };
        let parts = text.rsplit_once('/').filter(|(_, name)| is_name(name));
        let parts = parts.and_then(|(folder, name)| Some((folder.parse().ok()?, name)));
        match parts {
            Some((folder, name)) => Self::new(Some(folder), FileName::inside(name)),
            None => Self::new(None, text.into()),
        }
        .with_executable(is_executable)
    }
}

impl From<String> for FilePath {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<FileName> for FilePath {
    fn from(name: FileName) -> Self {
        Self::new(None, name)
    }
}

impl From<FilePath> for String {
    fn from(path: FilePath) -> Self {
        let mut text = path.to_string();
        text.extend(path.is_executable.then_some(EXECUTABLE));
        text
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.folder {
            Some(folder) => write!(formatter, "{folder}/{}", self.name),
            None => formatter.write_str(self.name.as_str()),
        }
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from(self.clone()), formatter)
    }
}

#[cfg(test)]
mod tests;
