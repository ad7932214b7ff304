//! Files and folders stay small, as `CONTRIBUTING.md` wants it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{root, rust_files};

/// The folders with Rust code.
const FOLDERS: [&str; 8] =
    ["src", "proto", "transfer", "node", "client", "bench", "fuzz/targets", "tests"];

/// The longest file, in lines, and the largest folder, in files.
const LINES_MAX: usize = 400;
const FILES_MAX: usize = 15;

fn files() -> Vec<PathBuf> {
    FOLDERS.into_iter().flat_map(rust_files).collect()
}

#[test]
fn no_file_of_code_is_long() {
    let lines = |file: &PathBuf| std::fs::read_to_string(file).unwrap().lines().count();
    let long: Vec<_> = files().into_iter().filter(|file| lines(file) > LINES_MAX).collect();
    assert_eq!(long, Vec::<PathBuf>::new());
}

#[test]
fn no_folder_of_code_has_many_files() {
    let mut folders = BTreeMap::<PathBuf, usize>::new();
    for file in files() {
        let folder = file.parent().unwrap().strip_prefix(root()).unwrap().to_owned();
        *folders.entry(folder).or_default() += 1;
    }
    folders.retain(|_, files| *files > FILES_MAX);
    assert!(folders.is_empty(), "{folders:?}");
}
