use super::*;

#[test]
fn a_message_has_a_byte_and_at_most_its_bound() {
    let parse = |text: &str| MessageText::try_from(text.to_owned());
    assert_eq!(parse(""), Err(TextError::Empty));
    assert_eq!(parse(" \t\n"), Err(TextError::Empty));
    assert!(parse(" x").is_ok_and(|text| text.as_str() == " x"));
    assert!(parse(&"x".repeat(MESSAGE_BYTES_MAX)).is_ok());
    let long = "x".repeat(MESSAGE_BYTES_MAX + 1);
    assert_eq!(parse(&long), Err(TextError::TooLarge(MESSAGE_BYTES_MAX + 1)));
}

#[test]
fn secrets_and_messages_do_not_show_in_debug_output() {
    let password = Password::try_from("hunter2".to_owned());
    let text = MessageText::try_from("rendezvous".to_owned());
    let shown = format!("{password:?} {text:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("rendezvous"), "{shown}");
}
