use super::*;

#[test]
fn a_connection_made_before_a_change_is_told_the_key_after_its_own() {
    let [old, new, newer] = [b"1", b"2", b"3"].map(|key| Fingerprint::of_public_key(key));
    let keys = ServerKeys { current: new, next: Some(newer) };
    assert_eq!(keys.after(old), Some(new));
    assert_eq!(keys.after(new), Some(newer));
    assert_eq!(ServerKeys { current: new, next: None }.after(new), None);
    assert_eq!(ServerKeys { current: new, next: Some(new) }.after(new), None);
}
