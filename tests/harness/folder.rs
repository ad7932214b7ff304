//! The files in a folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every file below a folder, sorted.
pub(crate) fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files = Vec::new();
    for entry in entries {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_below(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files.sort();
    files
}

/// The files below a folder with their digests: equal if nothing was changed.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, String> {
    files_below(folder).into_iter().map(|path| (path.clone(), hash(&path))).collect()
}

/// The BLAKE3 digest of a file, as `b3sum` prints it.
pub(crate) fn hash(file: &Path) -> String {
    blake3::hash(&fs::read(file).unwrap()).to_hex().to_string()
}
