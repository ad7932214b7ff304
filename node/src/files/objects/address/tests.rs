use super::*;

#[test]
fn an_address_has_a_bucket_and_may_have_a_prefix() {
    for (text, shown, prefix) in [
        ("s3://files", "s3://files", ""),
        ("s3://files/", "s3://files", ""),
        (" s3://qchat.files/a/b-c/", "s3://qchat.files/a/b-c", "a/b-c"),
    ] {
        let address: FilesAddress = text.parse().unwrap();
        assert_eq!((address.to_string().as_str(), address.prefix.as_str()), (shown, prefix));
    }
}

#[test]
fn a_text_that_is_no_address_is_refused_with_the_form_of_one() {
    for text in [
        "",
        "files",
        "http://files/a",
        "s3:/files",
        "s3://",
        "s3://ab",
        "s3://key:secret@files",
        "s3://files/a//b",
        "s3://files/../b",
        "s3://files/a b",
        "s3://files/\u{e9}",
    ] {
        let error = text.parse::<FilesAddress>().unwrap_err().to_string();
        assert!(error.contains("s3://BUCKET"), "{text}: {error}");
    }
}
