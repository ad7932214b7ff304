use std::time::Duration;

use super::*;

#[test]
fn what_comes_first_wins() {
    let flags = Settings { quota: Some(Size(1)), ..Settings::default() };
    let file = parse("quota = 2\npassword_min = 8").unwrap();
    let limits = flags.or(file).config().limits;
    assert_eq!((limits.quota_bytes, limits.password_characters_min), (Some(1), 8));
}

#[test]
fn a_file_has_sizes_and_times_as_people_write_them() {
    let limits = parse("keep_files = '2d'\nquota = '10G'\nmin_free = 0").unwrap().config().limits;
    assert_eq!(limits.keep_files, Some(Duration::from_secs(172_800)));
    assert_eq!((limits.quota_bytes, limits.free_bytes_min), (Some(10 << 30), 0));
}

#[test]
fn an_unknown_setting_is_named_with_its_nearest() {
    let error = parse("quotta = 2").unwrap_err();
    assert_eq!(error, ", line 1: there is no setting quotta; did you mean quota?");
    let error = parse("log_format = 'loud'").unwrap_err();
    assert_eq!(error, ", line 1: log_format: \"loud\" is neither text nor json");
}

#[test]
fn an_address_may_be_a_name_and_has_a_port() {
    let listen = |text: &str| text.parse().map(|Listen(address)| address.to_string());
    assert_eq!(listen("[::]:1").as_deref(), Ok("[::]:1"));
    assert_eq!(listen("localhost:4477").as_deref(), Ok("127.0.0.1:4477"));
    for wrong in ["4433", "localhost", ":4433", "", "localhost:x", "localhost:70000"] {
        assert!(listen(wrong).is_err_and(|why| why.contains("0.0.0.0:4433")), "{wrong}");
    }
    assert!(listen("no.such.invalid:1").is_err_and(|why| why.contains("no.such.invalid")));
}

#[test]
fn only_the_default_certificate_is_made() {
    assert!(identity(None, None).make_missing);
    assert!(!identity(Some("x.pem".into()), None).make_missing);
    assert!(!identity(None, Some("y.pem".into())).make_missing);
}

#[test]
fn the_corpus_of_settings_is_understood_or_refused() {
    let inputs = crate::corpus::read(include_str!("../../fuzz/corpus/program.txt"));
    inputs.iter().for_each(|input| check_text(&String::from_utf8_lossy(input)));
}
