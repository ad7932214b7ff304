//! `docs/protocol.md` has every frame with its bytes, every command, event and refusal, and every limit.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use qchat_proto::command::{Command, CommandVisitor, Idempotence, visit_commands};
use qchat_proto::limits::*;

use crate::golden::golden;
use crate::samples;
use crate::variants::{EVENTS, REFUSALS, refusal_name};

const PAGE: &str = include_str!("../../../docs/protocol.md");

/// The lines `NAME = BYTES` of the page.
fn examples() -> BTreeMap<&'static str, &'static str> {
    let blocks = PAGE.split("```text\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap().lines());
    let mut examples = BTreeMap::new();
    for line in lines {
        let (name, bytes) = line.split_once(" = ").expect("a line is NAME = BYTES");
        assert!(examples.insert(name, bytes).is_none(), "{name} is on the page twice");
    }
    examples
}

/// The bytes of an example in the notation of the page.
fn bytes(example: &str) -> Vec<u8> {
    // Every other part is a text in quotation marks.
    let parts = example.split('"').enumerate();
    let parts = parts.map(|(number, part)| match number % 2 {
        0 => part.split_whitespace().flat_map(word).collect(),
        _ => part.as_bytes().to_vec(),
    });
    parts.collect::<Vec<_>>().concat()
}

fn word(word: &str) -> Vec<u8> {
    if word.starts_with(|first: char| first.is_ascii_uppercase()) {
        return bytes(examples().get(word).unwrap_or_else(|| panic!("no line defines {word}")));
    }
    let (hex, count) = word.split_once('*').unwrap_or((word, "1"));
    let hex =
        HEXLOWER.decode(hex.as_bytes()).unwrap_or_else(|_| panic!("{word} is no hexadecimal"));
    hex.repeat(count.parse().unwrap())
}

/// The rows of the table whose first line is `head`, as cells without backticks.
fn table(head: &str) -> Vec<Vec<String>> {
    let mut lines = PAGE.lines().skip_while(|line| *line != head);
    assert!(lines.next().is_some(), "no table {head}");
    let rows = lines.skip(1).take_while(|line| line.starts_with('|'));
    let cells = |row: &str| -> Vec<String> {
        row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

#[test]
fn every_example_has_the_golden_bytes() {
    let golden = golden();
    for (name, example) in examples() {
        let expected = match name.strip_prefix("frame of ") {
            Some(name) => {
                let content = &golden[name];
                [&u32::try_from(content.len()).unwrap().to_be_bytes(), content.as_slice()].concat()
            }
            // A word that other examples use.
            None if !name.contains('.') => continue,
            None => golden.get(name).unwrap_or_else(|| panic!("{name} is no golden line")).clone(),
        };
        assert_eq!(HEXLOWER.encode(&bytes(example)), HEXLOWER.encode(&expected), "{name}");
    }
}

#[test]
fn every_frame_has_its_example() {
    let examples = examples();
    let missing = |name: &str, golden: &[u8]| {
        // Empty replies look like that of `Logout`, and refusals like those in the table of refusals.
        let is_shown_elsewhere = (name.starts_with("answer.") && golden == [0])
            || name.ends_with(".Err")
            || name.starts_with("refusal.");
        !is_shown_elsewhere && !examples.contains_key(name)
    };
    let missing: Vec<_> =
        golden().into_iter().filter(|(name, bytes)| missing(name, bytes)).collect();
    assert!(missing.is_empty(), "not in docs/protocol.md: {missing:?}");
}

#[test]
fn every_command_has_its_row() {
    struct Rows(Vec<[String; 3]>);
    impl CommandVisitor for Rows {
        fn visit<C: Command>(&mut self) {
            let repeat = match C::IDEMPOTENCE {
                Idempotence::Freely => "freely",
                Idempotence::ByClientId => "id",
                Idempotence::ByState => "state",
            };
            self.0.push([self.0.len().to_string(), C::NAME.to_owned(), repeat.to_owned()]);
        }
    }
    let mut expected = Rows(Vec::new());
    visit_commands(&mut expected);
    let rows = table("| number | command | fields | reply | repeat | refusals of its own |");
    let rows: Vec<_> =
        rows.iter().map(|row| [0, 1, 4].map(|column: usize| row[column].clone())).collect();
    assert_eq!(rows, expected.0);
}

#[test]
fn every_code_in_the_table_of_commands_is_one_of_a_refusal() {
    let refusals = samples::refusals();
    let is_code = |code: &str| refusals.iter().any(|refusal| refusal.code().as_str() == code);
    for row in table("| number | command | fields | reply | repeat | refusals of its own |") {
        let codes = row[5].split(", ").filter(|code| !code.is_empty());
        for code in codes.filter(|code| !code.starts_with("those of ")) {
            assert!(is_code(code), "{}: {code}", row[1]);
        }
    }
}

#[test]
fn every_refusal_has_its_row_with_its_golden_bytes() {
    let golden = golden();
    let refusals = samples::refusals();
    let row = |(number, name): (usize, &&str)| {
        let refusal = refusals.iter().find(|refusal| refusal_name(refusal) == *name).unwrap();
        let bytes = HEXLOWER.encode(&golden[format!("refusal.{name}").as_str()]);
        [number.to_string(), (*name).to_owned(), refusal.code().to_string(), bytes]
    };
    let expected: Vec<_> = REFUSALS.iter().enumerate().map(row).collect();
    let rows = table("| number | refusal | code | fields | example |");
    let rows: Vec<_> = rows
        .iter()
        .map(|row| {
            let example = HEXLOWER.encode(&bytes(&row[4]));
            [row[0].clone(), row[1].clone(), row[2].clone(), example]
        })
        .collect();
    assert_eq!(rows, expected);
}

#[test]
fn every_event_has_its_row() {
    let rows = table("| number | event | fields |");
    let names: Vec<_> = rows.iter().map(|row| row[1].as_str()).collect();
    assert_eq!(names, EVENTS);
    let numbers: Vec<_> = rows.iter().map(|row| row[0].parse()).collect();
    assert_eq!(numbers, (0..EVENTS.len()).map(Ok).collect::<Vec<_>>());
}

/// The names and values of the constants of a source file.
fn constants(source: &'static str) -> Vec<(&'static str, &'static str)> {
    let constants = source.lines().filter_map(|line| line.strip_prefix("pub const "));
    constants
        .map(|constant| {
            let (name, value) = constant.split_once(" = ").expect("NAME: TYPE = VALUE;");
            (name.split(':').next().unwrap(), value.trim_end_matches(';'))
        })
        .collect()
}

#[test]
fn every_error_code_of_quic_has_its_row() {
    let expected = constants(include_str!("../../src/quic_codes.rs"));
    let rows = table("| code | name | meaning |");
    let rows: Vec<_> = rows.iter().map(|row| (row[1].as_str(), row[0].as_str())).collect();
    assert_eq!(rows, expected);
}

macro_rules! limits {
    ($($name:ident)*) => {
        [$((stringify!($name), u64::try_from($name).unwrap())),*]
    };
}

#[test]
fn every_limit_has_its_row() {
    let limits = limits![
        MESSAGE_BYTES_MAX NAME_BYTES_MAX PASSWORD_BYTES_MAX FILE_NAME_BYTES_MAX
        FILE_NAME_IN_FOLDER_BYTES_MAX FOLDERS_MAX FOLDER_PATH_BYTES_MAX REQUEST_BYTES_MAX
        SIGNED_OUT_REQUEST_BYTES_MAX PAGE_BYTES ANSWER_BYTES_MAX PAGE_ITEMS_MAX READ_RANGES_MAX
        CURSORS_MAX SESSIONS_MAX CANDIDATES_MAX FILE_HEADER_BYTES_MAX BLOCK_BYTES FILE_BYTES_MAX
        BLOCK_HASHES_MAX BLOCK_RANGES_MAX
    ];
    let names: Vec<_> = limits.iter().map(|(name, _)| *name).collect();
    let source: Vec<_> =
        constants(include_str!("../../src/limits.rs")).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, source, "the list in this test");
    let rows = table("| limit | value |");
    let rows: Vec<_> = rows.iter().map(|row| (row[0].as_str(), row[1].parse().unwrap())).collect();
    assert_eq!(rows, limits);
}
