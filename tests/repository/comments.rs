//! Comments of Rust code begin with their subject, as `CONTRIBUTING.md` wants it.

use std::collections::BTreeSet;

use super::documents::sentences::hidden_subjects;
use super::{root, rust_files};

/// The folders with Rust code.
const FOLDERS: [&str; 9] =
    ["src", "proto", "transfer", "node", "client", "bench", "fuzz/src", "fuzz/targets", "tests"];

/// The comments of a file, each with the number of its first line. Comments on adjacent lines are one.
fn comments(source: &str) -> Vec<(usize, String)> {
    let mut comments: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (index, line) in source.lines().enumerate() {
        let text = line.trim_start().strip_prefix("//");
        let text = text.map(|text| text.trim_start_matches(['/', '!']).trim());
        match (text.filter(|text| !text.is_empty()), comments.last_mut()) {
            (Some(text), Some((_, comment))) if is_open => *comment = format!("{comment} {text}"),
            (Some(text), _) => comments.push((index + 1, text.to_owned())),
            (None, _) => {}
        }
        is_open = text.is_some_and(|text| !text.is_empty());
    }
    comments
}

#[test]
fn sentences_of_comments_begin_with_their_subject() {
    let (mut hidden, mut files) = (Vec::new(), 0);
    for file in FOLDERS.into_iter().flat_map(rust_files) {
        let source = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root()).unwrap().display();
        files += 1;
        for (line, comment) in comments(&source) {
            let found = hidden_subjects(&comment);
            hidden.extend(found.iter().map(|sentence| format!("{path}:{line}: {sentence}")));
        }
    }
    assert!(files > 300, "only {files} files were found");
    assert!(hidden.is_empty(), "{}", hidden.join("\n"));
}

#[test]
fn each_test_that_a_comment_names_exists() {
    let files: Vec<_> = FOLDERS.into_iter().flat_map(rust_files).collect();
    let sources: Vec<_> = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let functions: BTreeSet<_> = sources.iter().flat_map(|source| functions(source)).collect();
    let comments = sources.iter().flat_map(|source| comments(source));
    let named: BTreeSet<_> = comments.flat_map(|(_, comment)| named_tests(&comment)).collect();
    assert!(named.len() >= 6, "{named:?}");
    let missing: Vec<_> = named.iter().filter(|name| !functions.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The names of the functions of a file.
fn functions(source: &str) -> impl Iterator<Item = &str> {
    let names = source.split("fn ").skip(1);
    names.map(|rest| rest.split(['(', '<']).next().unwrap_or_default())
}

/// The names in a comment that are sentences of at least five words, as those of tests are.
fn named_tests(comment: &str) -> Vec<String> {
    let is_test = |name: &&str| {
        name.matches('_').count() >= 4
            && name.chars().all(|part| part == '_' || part.is_lowercase())
    };
    comment.split('`').skip(1).step_by(2).filter(is_test).map(str::to_owned).collect()
}

#[test]
fn comments_on_adjacent_lines_are_one() {
    let source = "\
/// The session
/// of a connection.
///
/// Its user.
fn f() {}
    // Another one.
";
    let expected = [(1, "The session of a connection."), (4, "Its user."), (6, "Another one.")];
    assert_eq!(comments(source), expected.map(|(line, text)| (line, text.to_owned())));
}
