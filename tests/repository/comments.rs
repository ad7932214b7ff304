//! Comments of Rust code begin with their subject, as `CONTRIBUTING.md` wants it.

use super::documents::sentences::hidden_subjects;
use super::{root, rust_files};

/// The number of sentences that do not. It may only fall, to zero.
const HIDDEN_SUBJECTS_MAX: usize = 280;

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
    let folders =
        ["src", "proto", "transfer", "node", "client", "bench", "fuzz/fuzz_targets", "tests"];
    let (mut hidden, mut files) = (Vec::new(), 0);
    for file in folders.into_iter().flat_map(rust_files) {
        let source = std::fs::read_to_string(&file).unwrap();
        let path = file.strip_prefix(root()).unwrap().display();
        files += 1;
        for (line, comment) in comments(&source) {
            let found = hidden_subjects(&comment);
            hidden.extend(found.iter().map(|sentence| format!("{path}:{line}: {sentence}")));
        }
    }
    assert!(files > 300, "only {files} files were found");
    let list = hidden.join("\n");
    assert!(hidden.len() <= HIDDEN_SUBJECTS_MAX, "{} sentences:\n{list}", hidden.len());
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
