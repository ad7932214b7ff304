use std::io;

use super::*;

#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct Outer {
    text: &'static str,
    source: io::Error,
}

#[test]
fn each_cause_is_told_once() {
    for (text, expected) in [
        ("opening the store", "opening the store: out of order"),
        ("cannot open it: out of order", "cannot open it: out of order"),
    ] {
        let error = Outer { text, source: io::Error::other("out of order") };
        assert_eq!(error_chain(&error), expected);
    }
}
