use super::*;

#[test]
fn a_message_loses_its_last_line_ending_alone() {
    let text = |bytes: &[u8]| without_line_ending(bytes.to_vec()).ok();
    assert_eq!(text(b"a\n\r\n").as_deref(), Some("a\n"));
    assert_eq!(text(b" a \n").as_deref(), Some(" a "));
    assert_eq!(text(b"a\r").as_deref(), Some("a\r"));
    assert_eq!(text(b"\xff"), None);
    let long = "é".repeat(MESSAGE_BYTES_MAX);
    let cut = long.as_bytes()[..MESSAGE_BYTES_MAX + 3].to_vec();
    assert!(without_line_ending(cut).unwrap().len() > MESSAGE_BYTES_MAX);
}
