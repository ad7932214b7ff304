use super::*;

fn inbox(after: u64) -> Cursor {
    Cursor { log: Log::Inbox, after: Sequence(after) }
}

fn positions() -> LogPositions {
    let mut positions = LogPositions::from(&[inbox(4)]);
    positions.set_user("bot".parse().unwrap());
    for number in 5..=7 {
        assert_eq!(positions.order(&Log::Inbox, Sequence(number)), SequenceOrder::Next);
        positions.hand_on(&Log::Inbox, Sequence(number));
    }
    positions
}

#[track_caller]
fn acknowledge(positions: &mut LogPositions, id: &str, cursor: u64) {
    assert!(positions.acknowledge(&id.parse().unwrap()), "{id}");
    assert_eq!(positions.cursors(), [inbox(cursor)]);
}

#[test]
fn a_cursor_moves_over_acknowledged_messages_without_a_gap() {
    let mut positions = positions();
    assert_eq!(positions.cursors(), [inbox(4)]);
    acknowledge(&mut positions, "@bot:6", 4);
    acknowledge(&mut positions, "@bot:5", 6);
    positions.skip(&Log::Inbox, Sequence(8));
    assert_eq!(
        (positions.cursors(), positions.returned_cursors()),
        (vec![inbox(6)], vec![inbox(8)])
    );
    acknowledge(&mut positions, "@bot:7", 8);
    assert_eq!(positions.in_flight(), 0);
}

#[test]
fn a_message_that_was_not_returned_cannot_be_acknowledged() {
    let mut positions = positions();
    acknowledge(&mut positions, "@bot:5", 5);
    for wrong in ["@bot:5", "@bot:4", "@bot:8", "@alice:6", "+lab:6"] {
        assert!(!positions.acknowledge(&wrong.parse().unwrap()), "{wrong}");
    }
    assert_eq!(positions.in_flight(), 2);
}

#[test]
fn messages_come_one_after_the_other() {
    let positions = positions();
    assert_eq!(positions.order(&Log::Inbox, Sequence(7)), SequenceOrder::Passed);
    assert_eq!(positions.order(&Log::Inbox, Sequence(8)), SequenceOrder::Next);
    assert_eq!(positions.order(&Log::Inbox, Sequence(9)), SequenceOrder::Ahead);
    let lab = Log::Group("lab".parse().unwrap());
    assert_eq!(positions.order(&lab, Sequence(1)), SequenceOrder::Ahead);
}

#[test]
fn an_acknowledged_message_is_marked_once() {
    let mut positions = positions();
    acknowledge(&mut positions, "@bot:7", 4);
    let (log, sequences) = positions.unmarked().unwrap();
    assert_eq!((&log, &sequences[..]), (&Log::Inbox, &[Sequence(7)][..]));
    acknowledge(&mut positions, "@bot:5", 5);
    positions.note_marked(&log, &sequences);
    assert_eq!(positions.unmarked(), Some((Log::Inbox, vec![Sequence(5)])));
}
