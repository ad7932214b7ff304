use super::*;

#[track_caller]
fn check(words: &[&str], expected: Result<(MessageForm, Done), &str>) {
    let words: Vec<_> = words.iter().map(ToString::to_string).collect();
    let parsed =
        ListenOptions::parse(&words, false).map(|ListenOptions { form, done, .. }| (form, done));
    assert_eq!(parsed.map_err(|why| why.contains("usage")), expected.map_err(|_| true));
}

#[test]
fn options_follow_the_name() {
    check(&[], Ok((MessageForm::Text, Done::Written)));
    check(&["--ack", "--json"], Ok((MessageForm::Json, Done::Acknowledged)));
    check(&["--json", "now"], Err("usage"));
}
