//! The README shows what the program does.

use std::process::Command;

/// Numbers differ from run to run: ports, times, the milliseconds in a file's name.
fn without_numbers(text: &str) -> String {
    let mut result = String::new();
    for character in text.trim().chars() {
        match character {
            '0'..='9' if result.ends_with('#') => {}
            '0'..='9' => result.push('#'),
            _ => result.push(character),
        }
    }
    result
}

#[test]
fn the_demo_in_the_readme_is_what_the_demo_prints() {
    let readme =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, shown) = readme.split_once("<!-- demo -->\n```text\n").expect("the README has a demo");
    let (shown, _) = shown.split_once("```").expect("the demo ends");
    let demo = Command::new(env!("CARGO_BIN_EXE_qchat")).arg("demo").output().unwrap();
    assert!(demo.status.success(), "{}", String::from_utf8_lossy(&demo.stderr));
    let printed = String::from_utf8(demo.stdout).unwrap();
    assert_eq!(without_numbers(&printed), without_numbers(shown));
}
