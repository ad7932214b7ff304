use super::*;

#[test]
fn a_name_may_have_its_own_sign_and_no_other() {
    let user = |word| name::<UserName>(word).ok().map(String::from);
    assert_eq!(user("@Bob").as_deref(), Some("bob"));
    assert_eq!(user("bob").as_deref(), Some("bob"));
    for wrong in ["+bob", "@@bob", "@", "@+bob"] {
        assert_eq!(user(wrong), None, "{wrong}");
    }
    assert_eq!(name::<GroupName>("+lab"), name("lab"));
    assert!(name::<GroupName>("@lab").is_err());
    let pasted = name::<UserName>("bob\u{a0}hi").unwrap_err().to_string();
    assert!(pasted.starts_with("bob<U+00A0>hi is no name; type a plain space"), "{pasted}");
}
