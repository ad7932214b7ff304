//! Rules of the repository itself.

mod circles;
mod comments;
mod documents;
mod folders;
mod layers;
mod release;
mod sizes;
mod tiers;
mod type_names;

use std::path::{Path, PathBuf};

use crate::harness::files_below;

/// The folder of the repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The Rust files below a folder of the repository. A folder without any would make a rule hold by itself.
#[track_caller]
fn rust_files(folder: &str) -> Vec<PathBuf> {
    let mut files = files_below(&root().join(folder));
    files.retain(|file| file.extension().is_some_and(|ending| ending == "rs"));
    assert!(!files.is_empty(), "{folder} has no Rust file");
    files
}

/// The part of a source file before its test module.
fn without_tests(source: &str) -> &str {
    source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default()
}
