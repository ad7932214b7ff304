use super::*;

#[track_caller]
fn check(state: ConnectionState, waiting: usize, expected: &str) {
    let alice = "alice".parse().unwrap();
    let signed_in = format(Some(&alice), "host", state, waiting);
    assert_eq!(signed_in, format!("alice@host{expected}> "));
    assert_eq!(format(None, "host", state, waiting), format!("host{expected}> "));
}

#[test]
fn it_says_what_is_not_as_usual() {
    check(ConnectionState::Ready, 0, "");
    check(ConnectionState::Ready, 1, " (1 waiting)");
    check(ConnectionState::Reconnecting, 0, " (reconnecting)");
    check(ConnectionState::Offline, 3, " (offline, 3 waiting)");
}
