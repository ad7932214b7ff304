use super::*;

#[test]
fn each_key_is_returned_once_with_its_latest_value() {
    let mut feed = ChangeFeed::default();
    feed.note("alice", true);
    let seen = feed.version();
    feed.note("bob", true);
    feed.note("alice", false);
    feed.note("alice", true);
    feed.note("bob", false);
    let changed: Vec<_> = feed.since(seen).map(|(_, change)| *change).collect();
    assert_eq!(changed, [("alice", true), ("bob", false)]);
    assert_eq!(feed.last_change(&"bob"), Some(feed.version()));
    assert_eq!(feed.since(feed.version()).count(), 0);
}

#[test]
fn the_oldest_changes_are_forgotten() {
    let mut feed = ChangeFeed::default();
    for number in 0..=CHANGES_MAX {
        feed.note(number, ());
    }
    assert_eq!(feed.since(0).count(), CHANGES_MAX);
    assert_eq!(feed.last_change.len(), CHANGES_MAX);
    feed.note(0, ());
    assert_eq!(feed.since(0).last().map(|(_, change)| change), Some(&(0, ())));
}
