//! The names of files and folders on the way: unchanged if they do no harm, and different from each other.

use std::collections::HashSet;
use std::path::Path;

use qchat_proto::FileName;

/// The name of a file that is sent without a folder.
pub(super) fn alone(path: &Path) -> FileName {
    FileName::from(last_part(path).as_str())
}

/// Bytes that are no UTF-8 are replaced.
fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The names that are taken in one folder.
#[derive(Debug, Default)]
pub(super) struct TakenNames(HashSet<String>);

impl TakenNames {
    /// The names of the entries of a folder, in their order. Unchanged names are taken first, so that none of
    /// them gives way to a changed one.
    pub(super) fn inside(paths: &[&Path]) -> Vec<FileName> {
        let wanted: Vec<_> = paths.iter().map(|path| FileName::inside(&last_part(path))).collect();
        let is_kept = |(path, name): (&&Path, &FileName)| {
            path.file_name().is_some_and(|own| own == name.as_str())
        };
        let kept = paths.iter().zip(&wanted).filter(|(path, name)| is_kept((path, name)));
        let mut taken = Self(kept.map(|(_, name)| name.to_string()).collect());
        let named = paths.iter().zip(wanted).map(|(path, name)| match is_kept((path, &name)) {
            true => name,
            false => taken.next(name),
        });
        named.collect()
    }

    /// The name of a folder that a line names.
    pub(super) fn top(&mut self, path: &Path) -> FileName {
        self.next(alone(path))
    }

    /// The name, or the first numbered copy that is free.
    fn next(&mut self, name: FileName) -> FileName {
        let copies = (0..=u32::MAX).map(|copy| FileName::inside(&name.numbered(copy)));
        let mut free = copies.filter(|name| self.0.insert(name.to_string()));
        free.next().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests;
