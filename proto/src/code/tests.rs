use super::*;

/// The codes with the given property, as text.
fn codes(is: fn(Code) -> bool) -> String {
    let codes = Code::ALL.iter().filter(|code| is(**code));
    codes.map(|code| code.as_str()).collect::<Vec<_>>().join(" ")
}

#[test]
fn each_property_holds_for_its_codes_alone() {
    let check = |is, expected: &str| assert_eq!(codes(is), expected);
    check(Code::is_outcome_unknown, "outcome_unknown");
    check(Code::is_connection_lost, "outcome_unknown unreachable");
    check(Code::is_transient, "transfer_failed busy shutting_down outcome_unknown unreachable");
    check(
        Code::may_connect_later,
        "outcome_unknown unreachable no_address no_agreement local_network",
    );
    check(Code::ends_session, "not_logged_in session_ended");
    check(
        Code::concerns_one_file,
        "file_not_found too_large quota_exceeded id_reused file_expired server_full file_damaged \
             local_file file_changed",
    );
    check(
        Code::leaves_upload_open,
        "not_logged_in transfer_failed busy shutting_down internal outcome_unknown server_full \
             local_file file_changed damaged unreachable",
    );
    check(Code::is_usage, "usage unknown_command");
}

#[test]
fn each_code_has_a_text_of_its_own() {
    let mut texts: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    texts.sort_unstable();
    texts.dedup();
    assert_eq!(texts.len(), Code::ALL.len());
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    assert!(texts.iter().all(|text| text.bytes().all(is_plain)), "{texts:?}");
}
