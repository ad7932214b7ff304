use qchat_proto::{Body, MessageId, Timestamp};

use super::*;

#[track_caller]
fn check(sequences: &[u64], expected: &[(u64, u64)]) {
    let ranges = ranges(sequences.iter().copied().map(Sequence).collect());
    let ranges: Vec<_> = ranges.iter().map(|range| (range.first.0, range.last.0)).collect();
    assert_eq!(ranges, expected, "{sequences:?}");
}

#[test]
fn sequences_become_the_fewest_ranges() {
    check(&[], &[]);
    check(&[7], &[(7, 7)]);
    check(&[1, 2, 3], &[(1, 3)]);
    check(&[3, 1, 2, 2, 3], &[(1, 3)]);
    check(&[1, 3, 4, 6], &[(1, 1), (3, 4), (6, 6)]);
    check(&[u64::MAX, u64::MAX - 1, 0], &[(0, 0), (u64::MAX - 1, u64::MAX)]);
}

fn message(log: &str, unread: bool) -> Message {
    Message {
        id: log.parse::<MessageId>().unwrap(),
        from: "bob".parse().unwrap(),
        at: Timestamp::from_milliseconds(0),
        body: Body::Text(MessageText::try_from("hi".to_owned()).unwrap()),
        unread,
    }
}

#[test]
fn only_unread_messages_of_the_log_are_marked() {
    let shown = [
        message("@alice:1", true),
        message("@alice:2", false),
        message("+lab:3", true),
        message("+den:4", true),
    ];
    assert_eq!(unread(&Log::Inbox, &shown), [Sequence(1)]);
    assert_eq!(unread(&Log::Group("lab".parse().unwrap()), &shown), [Sequence(3)]);
}
