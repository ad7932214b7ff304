//! Every environment variable of the documents is one of the program, and every one of the program is documented.

use std::collections::BTreeSet;
use std::path::Path;

use super::program::Program;
use super::{check_none, documents, repository_files, root};

/// The sources of the program that ships.
const SHIPPED: [&str; 5] = ["src", "node/src", "client/src", "client/terminal/src", "transfer/src"];

/// The names of variables in a text.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |part: char| part.is_ascii_uppercase() || part == '_';
    let words = text.split(move |part| !is_part(part));
    words.filter(|word| word.len() > "QCHAT_".len() && word.starts_with("QCHAT_"))
}

/// The variables that source files name.
fn in_sources(is_wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let sources = repository_files().into_iter();
    let sources = sources.filter(|file| file.extension().is_some_and(|ending| ending == "rs"));
    let mut found = BTreeSet::new();
    for file in sources.filter(|file| is_wanted(file)) {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        found.extend(variables(&text).map(String::from));
    }
    found
}

fn is_shipped(file: &Path) -> bool {
    let is_test = file.iter().any(|part| part == "tests" || part == "tests.rs");
    !is_test && SHIPPED.iter().any(|folder| file.starts_with(folder))
}

#[test]
fn every_variable_of_a_document_is_read_by_the_program_or_its_tests() {
    let known = in_sources(|file| !file.starts_with("tests/repository"));
    let mut found = Vec::new();
    for document in documents() {
        let unknown = variables(&document.text).filter(|name| !known.contains(*name));
        found.extend(unknown.map(|name| format!("{}: {name}", document.path.display())));
    }
    check_none("variables that nothing reads", &found);
}

#[test]
fn every_variable_of_the_program_is_in_a_document() {
    let documents = documents();
    let documented: BTreeSet<_> = documents.iter().flat_map(|page| variables(&page.text)).collect();
    let program = Program::get();
    let mut known = in_sources(is_shipped);
    known.extend(program.parts.values().flat_map(|help| variables(help).map(String::from)));
    assert!(known.len() > 20, "only {} variables were found", known.len());
    let missed: Vec<_> =
        known.into_iter().filter(|name| !documented.contains(name.as_str())).collect();
    check_none("variables without a document", &missed);
}
