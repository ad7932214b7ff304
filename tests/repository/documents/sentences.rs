//! Plain language: sentences begin with their subject.

use std::path::{Path, PathBuf};

use super::{check_none, documents, repository_files, root};

/// A sentence that begins with one of these hides its subject.
const WORDS: [&str; 4] = ["what", "who", "whoever", "where"];

/// The sentences of a text that begin with one of [`WORDS`].
pub(in crate::repository) fn hidden_subjects(text: &str) -> Vec<String> {
    let ends = |(place, part): &(usize, char)| {
        ".!?".contains(*part) && text[*place + 1..].starts_with(char::is_whitespace)
    };
    let ends: Vec<usize> = text.char_indices().filter(ends).map(|(place, _)| place + 1).collect();
    let begins = std::iter::once(0).chain(ends);
    let sentences = begins.map(|place| {
        text[place..].trim_start_matches(|part: char| !part.is_alphanumeric() && part != '`')
    });
    let hides = |sentence: &&str| {
        let word = sentence.split(|part: char| !part.is_alphanumeric()).next().unwrap_or_default();
        WORDS.contains(&word.to_lowercase().as_str())
    };
    sentences.filter(hides).map(|sentence| sentence.chars().take(60).collect()).collect()
}

#[test]
fn no_sentence_of_a_document_begins_with_what_who_or_where() {
    let mut found = Vec::new();
    for document in documents() {
        let hidden = document.prose.iter().flat_map(|text| hidden_subjects(text));
        found.extend(hidden.map(|text| format!("{}: {text}", document.path.display())));
    }
    check_none("sentences without their subject first", &found);
}

#[test]
fn no_comment_of_a_script_or_manifest_begins_with_what_who_or_where() {
    let has_comments = |file: &PathBuf| {
        let ends = |endings: &[&str]| {
            file.extension().is_some_and(|end| endings.iter().any(|one| end == *one))
        };
        let is_script = ["scripts", ".ci"].iter().any(|folder| file.starts_with(folder));
        is_script && !ends(&["md"]) || ends(&["toml", "sh", "py"])
    };
    let files: Vec<_> = repository_files().into_iter().filter(has_comments).collect();
    assert!(files.len() > 15, "only {} files were found", files.len());
    let mut found = Vec::new();
    for file in files {
        let text = std::fs::read_to_string(root().join(&file)).unwrap();
        let hidden = comments(&text).into_iter().flat_map(|comment| hidden_subjects(&comment));
        found.extend(hidden.map(|text| format!("{}: {text}", Path::new(&file).display())));
    }
    check_none("comments without their subject first", &found);
}

/// The comments of a file whose comments begin with `#`, and Python's descriptions. Comments on adjacent lines
/// are one.
fn comments(text: &str) -> Vec<String> {
    let mut comments = vec![String::new()];
    for line in text.lines() {
        let text = line.trim_start();
        let whole = text.strip_prefix('#').or(text.strip_prefix("\"\"\""));
        match (whole, line.split_once(" # "), comments.last_mut()) {
            (Some(comment), _, Some(last)) if !comment.trim().is_empty() => {
                *last = format!("{last} {}", comment.trim());
            }
            (None, Some((_, comment)), _) => {
                comments.extend([comment.trim().to_owned(), String::new()]);
            }
            _ => comments.push(String::new()),
        }
    }
    comments
}

#[test]
fn a_hidden_subject_is_found_at_the_start_of_a_sentence_only() {
    let found = |text| hidden_subjects(text).len();
    assert_eq!(found("Who asks waits. What is **where** it was? Where else."), 3);
    assert_eq!(found("The server tells what it knows, and who asked."), 0);
    assert_eq!(found("(whoever comes)"), 1);
    assert_eq!(found("Whole files. `who` is a program."), 0);
    assert_eq!(
        comments("#!/bin/sh\n# One\n# two.\n\nx = 1 # three\n"),
        [" !/bin/sh One two.", "", "three", ""]
    );
}
