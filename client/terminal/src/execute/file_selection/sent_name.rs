//! What files and folders are called where they go to: as here where that does no harm, and never two of them
//! alike.

use std::collections::HashSet;
use std::path::Path;

use qchat_proto::FileName;

/// What a file is called that goes without a folder.
pub(super) fn alone(path: &Path) -> FileName {
    FileName::from(last_part(path).as_str())
}

/// Of a name that is no UTF-8 the rest is kept.
fn last_part(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The names that are taken in one folder.
#[derive(Debug, Default)]
pub(super) struct TakenNames(HashSet<String>);

impl TakenNames {
    /// What the entries of a folder that is sent are called in there, in their order. Names that are kept
    /// go first, so that none has to give way to one that is changed.
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

    /// What a folder that is named in a line is called where it goes to.
    pub(super) fn top(&mut self, path: &Path) -> FileName {
        self.next(alone(path))
    }

    /// The name, or the first copy of it that nobody has.
    fn next(&mut self, name: FileName) -> FileName {
        let copies = (0..=u32::MAX).map(|copy| FileName::inside(&name.numbered(copy)));
        let mut free = copies.filter(|name| self.0.insert(name.to_string()));
        free.next().unwrap_or(name)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn no_two_names_of_a_folder_fall_together_and_those_that_can_stay_do() {
        let names: [&[u8]; 7] = [b"a\nb", b"a\tb", b"a_b", b"a\xff", b"a\xfe", b".git", b"a_b (1)"];
        let paths: Vec<_> = names.iter().map(|name| Path::new(OsStr::from_bytes(name))).collect();
        let named = TakenNames::inside(&paths);
        let named: Vec<_> = named.iter().map(FileName::as_str).collect();
        assert_eq!(
            named,
            ["a_b (2)", "a_b (3)", "a_b", "a\u{fffd}", "a\u{fffd} (1)", "_git", "a_b (1)"]
        );
        let mut tops = TakenNames::default();
        let tops: Vec<_> =
            ["x/p", "y/p", ".p"].map(|path| tops.top(Path::new(path)).to_string()).into();
        assert_eq!(tops, ["p", "p (1)", "_p"]);
    }
}
