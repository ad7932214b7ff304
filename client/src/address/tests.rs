use super::*;

#[track_caller]
fn check(text: &str, expected: Option<&str>) {
    let parsed = text.parse::<ServerAddress>().ok();
    assert_eq!(parsed.map(|address| address.to_string()).as_deref(), expected, "{text:?}");
}

#[test]
fn an_address_is_a_host_and_perhaps_a_port() {
    check("localhost", Some("localhost:4433"));
    check("localhost:1", Some("localhost:1"));
    check(" Chat.Example.ORG:65535\n", Some("chat.example.org:65535"));
    check("127.0.0.1:4434", Some("127.0.0.1:4434"));
    check("::1", Some("[::1]:4433"));
    check("[::1]", Some("[::1]:4433"));
    check("[0:0::1]:4434", Some("[::1]:4434"));
    check("2001:DB8::1:4433", Some("[2001:db8::1:4433]:4433"));
}

#[test]
fn other_texts_are_refused() {
    for text in [
        "",
        ":",
        ":4433",
        "host:",
        "host:0",
        "host:65536",
        "host:+1",
        "host:x",
        "a b",
        "a/b",
        "[::1",
        "[::1]4433",
        "[::1]:",
        "[host]:1",
        "[127.0.0.1]:1",
        "1:2:3",
        "[]:1",
    ] {
        check(text, None);
    }
}

#[test]
fn the_text_form_survives_a_round() {
    for text in ["localhost:4433", "[::1]:4433", "10.0.0.1:1"] {
        check(text, Some(text));
    }
}
