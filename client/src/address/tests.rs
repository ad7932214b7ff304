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

#[track_caller]
fn check_list(text: &str, expected: Result<&str, &str>) {
    let parsed = text.parse::<ServerAddresses>();
    let shown = parsed.map(|list| list.to_string()).map_err(|error| error.to_string());
    assert_eq!(shown.as_deref().map_err(String::as_str), expected, "{text:?}");
}

#[test]
fn a_list_has_commas_between_its_addresses() {
    check_list("a", Ok("a:4433"));
    check_list("a:1,B, [::1]:2 ,10.0.0.1", Ok("a:1,b:4433,[::1]:2,10.0.0.1:4433"));
    check_list("::1,::2", Ok("[::1]:4433,[::2]:4433"));
    let list: ServerAddresses = "a,b".parse().unwrap();
    assert!(list.are_several() && list.contains(&"b".parse().unwrap()));
    assert_eq!(list.first(), &"a".parse().unwrap());
    assert!(!"a".parse::<ServerAddresses>().unwrap().are_several());
}

#[test]
fn a_wrong_list_gets_a_sentence_of_its_own() {
    let empty =
        |text: &str| format!("{text:?} has an empty part: write one comma between two addresses");
    for text in ["a,", ",a", "a,,b", ",", "a, ,b"] {
        check_list(text, Err(&empty(text)));
    }
    let twice = "a:4433 stands twice in the list: write each address once";
    check_list("a,b,A:4433", Err(twice));
    let sixteen: Vec<_> = (1..=16).map(|port| format!("a:{port}")).collect();
    check_list(&sixteen.join(","), Ok(&sixteen.join(",")));
    let seventeen = sixteen.join(",") + ",b";
    check_list(&seventeen, Err("the list has 17 addresses: write 16 at the most"));
    let wrong = "\"b c\" is no server's address: write host:port, [::1]:4433, or a host alone";
    check_list("a,b c", Err(wrong));
}
