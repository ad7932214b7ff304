//! The names of tests in `scripts/test`: a renamed test must not leave its tier unseen.

use std::fs;
use std::path::{Path, PathBuf};

use super::root;

/// The entries of a list in the script.
fn entries(list: &str) -> Vec<String> {
    let script = fs::read_to_string(root().join("scripts/test")).unwrap();
    let (_, after) = script.split_once(&format!("\n{list}=(\n")).unwrap();
    let (entries, _) = after.split_once("\n)").unwrap();
    entries.lines().map(|line| line.trim().trim_end_matches("::").to_owned()).collect()
}

/// The file of a module below a folder.
fn module(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name.replace("::", "/"));
    [path.with_extension("rs"), path.join("mod.rs")].into_iter().find(|file| file.exists())
}

/// Whether a folder of source has this module, or a test in one whose name begins like this.
fn has(folder: &Path, name: &str) -> bool {
    let is_test = || {
        let (parent, test) = name.rsplit_once("::")?;
        let inline = parent.strip_suffix("::tests").unwrap_or(parent);
        let files = [parent, inline].into_iter().filter_map(|name| module(folder, name));
        let test = format!("fn {test}");
        Some(files.into_iter().any(|file| fs::read_to_string(file).unwrap().contains(&test)))
    };
    module(folder, name).is_some() || is_test().unwrap_or(false)
}

#[test]
fn the_names_in_the_test_script_exist() {
    let tests = [root().join("tests")];
    let crates = ["proto", "transfer", "node", "client", "client/terminal"];
    let crates = crates.map(|name| root().join(name).join("src"));
    for (list, folders) in [("timed", &tests[..]), ("long", &crates[..])] {
        let entries = entries(list);
        assert!(entries.len() > 3, "{list}: {entries:?}");
        for name in entries {
            assert!(folders.iter().any(|folder| has(folder, &name)), "{list}: no {name}");
        }
    }
}
