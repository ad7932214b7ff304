use super::*;

#[test]
fn an_event_is_one_line_that_no_terminal_acts_on() {
    let text = |line| escaped(line, LogFormat::Text);
    assert_eq!(text("a\nb\u{9b}2J\u{1b}[2Jc\u{202e}"), "a\\u{a}b\\u{9b}2J\\u{1b}[2Jc\\u{202e}");
    assert_eq!(text("\u{1b}[2;32m INFO\u{1b}[0m hi"), "\u{1b}[2;32m INFO\u{1b}[0m hi");
    assert_eq!(text("\u{1b}[8mhidden\u{1b}[m"), "\\u{1b}[8mhidden\\u{1b}[m");
    let json = escaped("{\"a\":\"\u{9b}\u{e0041}é\"}", LogFormat::Json);
    assert_eq!(json, "{\"a\":\"\\u009b\\udb40\\udc41é\"}");
    assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["a"], "\u{9b}\u{e0041}é");
}
#[test]
fn the_corpus_of_events_is_safe_to_print() {
    let inputs = crate::corpus::read(include_str!("../../fuzz/corpus/program.txt"));
    assert!(inputs.len() > 20);
    inputs.iter().for_each(|input| check_event(input));
}
