use super::*;

#[test]
fn a_stored_name_is_a_time_and_a_safe_name() {
    let stored =
        StoredName::new(Timestamp::from_milliseconds(1_763_833_207_123), &"report.pdf".into());
    assert_eq!(stored.as_str(), "1763833207123_report.pdf");
    assert_eq!("1763833207123_report.pdf".parse(), Ok(stored));
    for wrong in ["report.pdf", "1763833207123_../x", "1763833207123", "12_x", "1763833207123_"] {
        assert!(wrong.parse::<StoredName>().is_err(), "{wrong}");
    }
}
