//! A type name means one thing in a crate.

use std::collections::BTreeMap;

use super::{root, rust_files};

/// The crates, with their tests.
const CRATES: [&str; 9] = [
    "src",
    "tests",
    "proto",
    "transfer",
    "node",
    "client/src",
    "client/tests",
    "client/terminal",
    "bench",
];

/// The name that a line of code defines as a type.
///
/// An indented `type` is an associated type of a trait: it means the same in each implementation.
fn defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let code = match code.strip_prefix("pub(") {
        Some(visible) => visible.split_once(") ").map_or(code, |(_, code)| code),
        None => code.strip_prefix("pub ").unwrap_or(code),
    };
    let kinds: &[&str] = match line.starts_with(' ') {
        true => &["struct ", "enum ", "trait "],
        false => &["struct ", "enum ", "trait ", "type "],
    };
    let name = kinds.iter().find_map(|kind| code.strip_prefix(kind))?;
    let end = name.find(|character: char| !character.is_alphanumeric() && character != '_');
    let name = &name[..end.unwrap_or(name.len())];
    name.starts_with(char::is_uppercase).then_some(name)
}

#[test]
fn a_type_name_means_one_thing_in_a_crate() {
    let mut doubles = Vec::new();
    for folder in CRATES {
        let mut definitions = BTreeMap::<String, Vec<String>>::new();
        for file in rust_files(folder) {
            let source = std::fs::read_to_string(&file).unwrap();
            let path = file.strip_prefix(root()).unwrap().display().to_string();
            for name in source.lines().filter_map(defined) {
                definitions.entry(name.to_owned()).or_default().push(path.clone());
            }
        }
        assert!(!definitions.is_empty(), "{folder} defines no type");
        definitions.retain(|_, files| files.len() > 1);
        doubles.extend(definitions);
    }
    assert!(doubles.is_empty(), "{doubles:#?}");
}

#[test]
fn a_definition_is_recognised_by_its_line() {
    for (line, expected) in [
        ("pub(crate) struct Session {", Some("Session")),
        ("    enum Reason {", Some("Reason")),
        ("pub trait Handler: Command {", Some("Handler")),
        ("type Ranges = u8;", Some("Ranges")),
        ("    type Caller = SignedIn;", None),
        ("struct Wrapper<T>(T);", Some("Wrapper")),
        ("let structure = 1;", None),
        ("/// struct Session", None),
    ] {
        assert_eq!(defined(line), expected, "{line}");
    }
}
