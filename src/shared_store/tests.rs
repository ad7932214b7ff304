use super::{NodeName, StoreUrl};

#[test]
fn a_name_of_a_server_is_short_and_plain() {
    for name in ["a", "chat-1.example.org", "SERVER_2"] {
        assert_eq!(name.parse::<NodeName>().unwrap().to_string(), name);
    }
    for name in ["", "two words", "ü", "a/b", &"x".repeat(64)] {
        assert!(name.parse::<NodeName>().is_err(), "{name:?}");
    }
    assert!(!NodeName::of_machine().to_string().is_empty());
}

#[test]
fn a_url_of_a_store_is_never_printed() {
    let url: StoreUrl = "postgres://me:secret@host/chat".parse().unwrap();
    assert!(!format!("{url:?}").contains("secret"));
    assert!("mysql://host".parse::<StoreUrl>().is_err());
}
