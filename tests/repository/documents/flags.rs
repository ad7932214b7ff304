//! Every flag of the documents is one of the program, and every flag of the program is in a document.

use std::collections::BTreeSet;

use super::calls::{Call, Callee, calls};
use super::markdown::Document;
use super::program::{Program, flags};
use super::{check_none, documents, root};

/// Flags of cargo and of scripts that stand alone in a text.
const FOREIGN: [&str; 3] = ["--release", "--profile", "--dry-run"];

/// Every part and command has these.
const EVERYWHERE: [&str; 2] = ["--help", "--version"];

/// The flags in a call that its program or command does not have.
fn unknown<'a>(call: &Call<'a>) -> Vec<&'a str> {
    let program = Program::get();
    let text;
    let known: BTreeSet<&str> = match call.callee {
        Callee::Part(part) => {
            program.parts.get(part).into_iter().flat_map(|help| flags(help)).collect()
        }
        Callee::Command(name) => {
            program.commands.get(name).into_iter().flat_map(|help| flags(help)).collect()
        }
        Callee::Script(path) => {
            // The test of paths reports a script that does not exist.
            let Ok(script) = std::fs::read_to_string(root().join(path)) else { return Vec::new() };
            text = script;
            flags(&text).collect()
        }
        Callee::Flag => program.flags(),
    };
    let named = call.words.iter().take_while(|word| **word != "--").flat_map(|word| flags(word));
    let is_known = |flag: &&str| known.contains(flag) || EVERYWHERE.contains(flag);
    let named = named.filter(|flag| !is_known(flag));
    named.filter(|flag| call.callee != Callee::Flag || !FOREIGN.contains(flag)).collect()
}

#[test]
fn every_flag_of_a_document_is_one_of_the_program() {
    let mut found = Vec::new();
    for document in documents() {
        for call in document.code.iter().flat_map(|code| calls(code)) {
            let unknown = unknown(&call).into_iter();
            found.extend(unknown.map(|flag| {
                format!("{}: {:?} has no {flag}", document.path.display(), call.callee)
            }));
        }
    }
    check_none("flags that do not exist", &found);
}

/// The flags in the code of pages.
fn documented(documents: &[Document]) -> BTreeSet<&str> {
    documents.iter().flat_map(|page| page.code.iter().flat_map(|code| flags(code))).collect()
}

#[test]
fn every_flag_of_the_program_is_in_a_document() {
    let documents = documents();
    let documented = documented(&documents);
    let flags = Program::get().flags();
    assert!(flags.len() > 35, "only {} flags were found", flags.len());
    let missed = flags.iter().filter(|flag| !documented.contains(*flag) && **flag != "--help");
    check_none("flags without a document", &missed.map(ToString::to_string).collect::<Vec<_>>());
}

/// A flag of `qchat server`, as its help describes it.
struct ServerFlag {
    name: String,
    variable: String,
    default: String,
}

fn server_flags() -> Vec<ServerFlag> {
    let help = &Program::get().parts["server"];
    let described = help.split("\n      --").skip(1).filter(|text| text.contains("[env: "));
    let between = |text: &str, begin: &str, end: &str| {
        let rest = text.split_once(begin).map(|(_, rest)| rest.to_owned());
        rest.and_then(|rest| Some(rest.split_once(end)?.0.to_owned())).unwrap_or_default()
    };
    let described = described.map(|text| {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        ServerFlag {
            name: format!("--{}", text.split(' ').next().unwrap_or_default()),
            // The value of a variable that may hold a password is not shown.
            variable: between(&text, "[env: ", "]")
                .split('=')
                .next()
                .unwrap_or_default()
                .to_owned(),
            default: between(&text, "[default: ", "]"),
        }
    });
    described.collect()
}

#[test]
fn the_flags_of_the_operating_page_have_the_variables_and_defaults_of_the_program() {
    let documents = documents();
    let page = documents.iter().find(|page| page.path.ends_with("operating.md")).unwrap();
    let rows = page.rows.iter().filter(|(head, _)| head == "flag").map(|(_, cells)| cells);
    let rows: Vec<_> = rows.collect();
    let flags = server_flags();
    assert!(flags.len() >= 17, "only {} flags were found", flags.len());
    for ServerFlag { name, variable, default } in flags {
        let row = rows.iter().find(|cells| cells[0].contains(&format!("`{name} ")));
        let row = row.unwrap_or_else(|| panic!("no row for {name}"));
        assert!(row[1].contains(&format!("`{variable}`")), "{name} is {variable}: {row:?}");
        // Longer ones are sentences, which a page may word in its own way.
        if !default.contains(' ') && !default.is_empty() {
            assert!(row[2].contains(&default), "{name} is {default} by default: {row:?}");
        }
    }
}
