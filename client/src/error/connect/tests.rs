use super::*;

#[track_caller]
fn check(reason: io::Error, is_transient: bool, advice: &str) {
    let server = "chat.example".parse().unwrap();
    let error = ConnectError::Resolve { server, reason: Arc::new(reason) };
    assert_eq!(error.is_transient(), is_transient, "{error}");
    assert!(error.to_string().ends_with(advice), "{error}");
}

#[test]
fn a_name_that_does_not_exist_is_not_asked_for_again() {
    let failed = "failed to lookup address information:";
    let told = |text: &str| io::Error::other(format!("{failed} {text}"));
    check(told("Name or service not known"), false, "is it written right?");
    check(told("nodename nor servname provided, or not known"), false, "is it written right?");
    check(told("Temporary failure in name resolution"), true, "is this machine online?");
    check(told("Try again"), true, "is this machine online?");
    check(io::Error::from_raw_os_error(24), true, "is this machine online?");
}
