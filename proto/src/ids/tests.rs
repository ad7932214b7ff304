use super::*;

#[test]
fn a_token_survives_its_text_form_and_hides_in_debug_output() {
    let token = SessionToken::random();
    assert_eq!(SessionToken::from_hex(&token.to_hex()), Some(token.clone()));
    assert_eq!(SessionToken::from_hex("abc"), None);
    assert!(!format!("{token:?}").contains(&token.to_hex()));
}

#[test]
fn a_session_id_survives_its_text_form() {
    let id = SessionId([0x3f, 0, 1, 0xa2, 0xb, 0xff]);
    assert_eq!(id.to_string(), "3f0001a20bff");
    for text in ["3f0001a20bff", "3F0001A20BFF"] {
        assert_eq!(text.parse(), Ok(id));
    }
    for wrong in ["", "3f", "3f0001a20bff00", "3f0001a20bfg", "3f 001a20bff"] {
        assert_eq!(wrong.parse::<SessionId>(), Err(SessionIdError), "{wrong}");
    }
}
