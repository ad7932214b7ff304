//! The documents are true: their sessions, flags, commands, variables, paths and links are those of the program
//! and of the repository.

mod calls;
mod commands;
mod flags;
mod links;
mod markdown;
mod paths;
mod program;
mod scripting;
pub(super) mod sentences;
mod sessions;
mod variables;

use std::path::{Path, PathBuf};

use crate::harness::files_below;
use markdown::Document;

/// The folders of the repository that hold its own files, and no built ones.
const FOLDERS: [&str; 12] = [
    ".ci", "bench", "cert", "client", "docs", "fuzz", "node", "proto", "scripts", "src", "tests",
    "transfer",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every document: the pages at the top, those of `docs/`, and the pages that explain a folder.
fn documents() -> Vec<Document> {
    let entries = std::fs::read_dir(root()).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.extend(files_below(&root().join("docs")));
    files.extend(["cert", "scripts", "upload"].map(|folder| root().join(folder).join("README.md")));
    files.retain(|file| file.extension().is_some_and(|ending| ending == "md") && file.exists());
    files.sort();
    let documents: Vec<_> = files.iter().map(|file| Document::read(root(), file)).collect();
    assert!(documents.len() >= 8, "only {} documents were found", documents.len());
    documents
}

/// Every file of the repository, by its path from the root.
fn repository_files() -> Vec<PathBuf> {
    let entries = std::fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    files.extend(FOLDERS.iter().flat_map(|folder| files_below(&root().join(folder))));
    // `fuzz/` is a workspace of its own, with a folder of built files.
    let is_built = |file: &Path| file.components().any(|part| part.as_os_str() == "target");
    let files = files.iter().map(|file| file.strip_prefix(root()).unwrap());
    files.filter(|file| !is_built(file)).map(Path::to_owned).collect()
}

/// Fails with the whole list, so that one run shows everything that is wrong.
#[track_caller]
fn check_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}
