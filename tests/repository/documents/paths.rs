//! Every file and folder that a document names exists.

use std::path::{Path, PathBuf};

use super::{FOLDERS, check_none, documents, repository_files, root};

/// Files that a document may only promise: parts of a path that stand for any name.
const PLACEHOLDERS: [&str; 2] = ["foo", "foo.rs"];

/// The paths that a piece of code names: those from a folder of the repository, and names of source files and
/// pages.
fn named_paths(code: &str) -> impl Iterator<Item = &str> {
    let is_part = |part: char| part.is_alphanumeric() || "/._-*<>…{}$~+".contains(part);
    let words = code.split(move |part| !is_part(part)).map(|word| word.trim_matches('.'));
    words.filter(|word| {
        // The server makes files of its own in `cert/`.
        let folders = FOLDERS.iter().filter(|folder| **folder != "cert");
        let from_root = folders.into_iter().any(|folder| {
            word.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/') && rest.len() > 1)
        });
        let is_source =
            [".rs", ".md"].iter().any(|ending| word.len() > 3 && word.ends_with(ending));
        from_root || is_source
    })
}

/// Whether a path stands for many.
fn is_pattern(path: &str) -> bool {
    let stands_for_any = |part: &str| {
        let stem = part.split('.').next().unwrap_or_default();
        let is_loud = stem.len() > 1 && stem.chars().all(|part| part.is_ascii_uppercase());
        PLACEHOLDERS.contains(&part) || is_loud && !part.ends_with(".md")
    };
    path.contains(['*', '<', '…', '$']) || path.split('/').any(stands_for_any)
}

#[test]
fn every_path_that_a_document_names_exists() {
    let files = repository_files();
    let is_there = |path: &str| {
        root().join(path).exists() || files.iter().any(|file: &PathBuf| file.ends_with(path))
    };
    let mut found = Vec::new();
    let mut named = 0;
    for document in documents() {
        let paths = document.code.iter().flat_map(|code| named_paths(code));
        for path in paths.filter(|path| !is_pattern(path)) {
            named += 1;
            // A page may name files beside it.
            let beside = document.path.parent().unwrap_or(Path::new("")).join(path);
            if !is_there(path) && !root().join(beside).exists() {
                found.push(format!("{}: {path}", document.path.display()));
            }
        }
    }
    check_none("paths that do not exist", &found);
    assert!(named > 50, "only {named} paths were found");
}

#[test]
fn paths_are_found_in_code() {
    let found = |code| named_paths(code).collect::<Vec<_>>();
    assert_eq!(found("see node/src/store/, `turns.rs`."), ["node/src/store/", "turns.rs"]);
    assert_eq!(found("scripts/bench live > upload/x"), ["scripts/bench"]);
    assert!(is_pattern("tests/FOLDER") && is_pattern("docs/decisions/NNN-*.md"));
    assert!(is_pattern("foo/tests.rs") && !is_pattern("SECURITY.md"));
}
