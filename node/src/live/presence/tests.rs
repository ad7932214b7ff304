use super::*;

fn user(name: &str) -> UserName {
    name.parse().unwrap()
}

#[test]
fn a_user_is_online_until_the_last_connection_ends() {
    let presence = Presence::new(Notifier::default());
    let (one, two) = (presence.enter(user("alice")), presence.enter(user("alice")));
    drop(one);
    assert!(presence.is_online(&user("alice")));
    drop(two);
    assert!(!presence.is_online(&user("alice")));
}

#[test]
fn each_user_is_returned_once_in_the_latest_state() {
    let presence = Presence::new(Notifier::default());
    let alice = presence.enter(user("alice"));
    let seen = presence.version();
    let _bob = presence.enter(user("bob"));
    let _bob_again = presence.enter(user("bob"));
    drop(alice);
    drop(presence.enter(user("alice")));
    let (changes, version) = presence.changes_since(seen);
    assert_eq!(changes, [(user("bob"), true), (user("alice"), false)]);
    assert_eq!(presence.changes_since(version).0, []);
}
