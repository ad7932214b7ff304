//! Every command of the documents is one of the program, and every command of the program is in a document.

use std::collections::BTreeSet;

use super::calls::{Call, Callee, calls, prompt_line};
use super::markdown::Document;
use super::program::{PARTS, Program};
use super::{check_none, documents};

/// The calls in the code of a page. A line that a session shows as refused need not be a command.
fn all_calls(document: &Document) -> Vec<Call<'_>> {
    let followers = document.code.iter().skip(1).map(String::as_str).chain([""]);
    let lines = document.code.iter().zip(followers);
    let accepted = lines
        .filter(|(line, next)| prompt_line(line).is_none() || !next.contains("(unknown_command)"));
    accepted.flat_map(|(line, _)| calls(line)).collect()
}

/// The calls in the tables of commands.
fn table_calls(document: &Document) -> Vec<&str> {
    let rows = document.rows.iter().filter(|(head, _)| head == "line").skip(2);
    let code = rows.flat_map(|(_, cells)| cells[0].split('`').skip(1).step_by(2));
    code.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn every_command_of_a_document_is_one_of_the_program() {
    let program = Program::get();
    let mut found = Vec::new();
    for document in documents() {
        let mut unknown: Vec<&str> = table_calls(&document);
        unknown.retain(|name| !program.commands.contains_key(*name));
        for call in all_calls(&document) {
            match call.callee {
                Callee::Command(name) if name != "exit" && !program.commands.contains_key(name) => {
                    unknown.push(name);
                }
                Callee::Part(name) if !PARTS.contains(&name) => unknown.push(name),
                _ => {}
            }
        }
        found.extend(unknown.iter().map(|name| format!("{}: {name}", document.path.display())));
    }
    check_none("commands that do not exist", &found);
}

#[test]
fn every_command_of_the_program_is_in_the_table_of_the_user_guide() {
    let documents = documents();
    let guide = documents.iter().find(|page| page.path.ends_with("user-guide.md")).unwrap();
    let documented: BTreeSet<_> = table_calls(guide).into_iter().collect();
    let commands = &Program::get().commands;
    assert!(commands.len() > 20, "only {} commands were found", commands.len());
    // `listen` is for bots, and has its own page.
    let missed = commands.keys().filter(|name| !documented.contains(name.as_str()));
    let missed: Vec<_> = missed.filter(|name| *name != "listen").cloned().collect();
    check_none("commands without a row", &missed);
}

#[test]
fn every_part_of_the_program_is_called_in_a_document() {
    let documents = documents();
    let calls: Vec<_> = documents.iter().flat_map(all_calls).map(|call| call.callee).collect();
    for part in PARTS {
        assert!(calls.contains(&Callee::Part(part)), "qchat {part} is in no document");
    }
    assert!(calls.contains(&Callee::Command("listen")), "listen is in no document");
}
