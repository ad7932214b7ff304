use super::*;

#[test]
fn only_the_loopback_interface_needs_no_encryption() {
    for (endpoint, expected) in [
        ("http://127.0.0.1:8333", true),
        ("http://127.0.0.1", true),
        ("http://[::1]:8333/", true),
        ("http://localhost:8333", true),
        ("http://10.0.0.1:8333", false),
        ("http://localhost.example:8333", false),
        ("http://127.0.0.1.example", false),
    ] {
        assert_eq!(is_this_machine(endpoint), expected, "{endpoint}");
    }
}

#[test]
fn the_sentence_for_an_error_names_the_remedy() {
    let address: FilesAddress = "s3://files/p".parse().unwrap();
    let error = |kind, text: &str| io::Error::new(kind, text.to_owned());
    for (error, remedy) in [
        (error(io::ErrorKind::NotFound, "<Code>NoSuchBucket</Code>"), "make it, or name another"),
        (error(io::ErrorKind::PermissionDenied, "403"), "check AWS_ACCESS_KEY_ID"),
        (error(io::ErrorKind::NotConnected, "SignatureDoesNotMatch"), "check AWS_ACCESS_KEY_ID"),
        (error(io::ErrorKind::NotConnected, "connection refused"), "check AWS_ENDPOINT_URL"),
    ] {
        let sentence = explain(address.clone(), "http://[::1]:1".to_owned(), &error).to_string();
        assert!(sentence.contains(remedy) && sentence.contains("s3://files/p"), "{sentence}");
        assert!(sentence.contains("http://[::1]:1"), "{sentence}");
    }
}
