use super::*;

#[track_caller]
fn check(input: &[u8], expected: &[RawLine]) {
    // A small buffer, so that lines are put together from pieces.
    let mut input = io::BufReader::with_capacity(7, input);
    for line in expected {
        assert_eq!(next_line(&mut input).unwrap().as_ref(), Some(line));
    }
    assert_eq!(next_line(&mut input).unwrap(), None);
}

fn text(line: &str) -> RawLine {
    RawLine::Text(line.to_owned())
}

#[test]
fn lines_are_kept_byte_for_byte() {
    check(b"", &[]);
    check(
        b"ls\n\r\n\nsend bob  hi \r\nlast",
        &[text("ls\n"), text("\r\n"), text("\n"), text("send bob  hi \r\n"), text("last")],
    );
}

#[test]
fn a_line_that_is_not_utf8_or_too_long_affects_no_other_line() {
    check(
        b"send \xff\nls\n",
        &[RawLine::NotUtf8 { start: "send \u{fffd}\n".to_owned() }, text("ls\n")],
    );
    let longest = "x".repeat(LINE_BYTES_MAX - 1) + "\n";
    let longer = "y".repeat(LINE_BYTES_MAX) + "\nls";
    let start = "y".repeat(LINE_BYTES_MAX);
    check(
        (longest.clone() + &longer).as_bytes(),
        &[text(&longest), RawLine::TooLong { start }, text("ls")],
    );
}
