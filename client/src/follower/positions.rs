//! Which messages were handed on, and which of them were acknowledged.

use std::collections::{BTreeSet, HashMap};

use qchat_proto::command::{Cursor, Log};
use qchat_proto::{Address, MessageId, Sequence, UserName};

/// The state of every log that is followed.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    me: Option<UserName>,
    logs: HashMap<Log, Handed>,
}

/// How far one log has come.
#[derive(Debug)]
struct Handed {
    /// The last place that was handed on, or passed over.
    last: Sequence,
    /// What was handed on and is not acknowledged.
    open: BTreeSet<Sequence>,
    /// What was acknowledged and is not marked as read.
    unmarked: Vec<Sequence>,
}

/// What a place is to who follows its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// The next one.
    Next,
    /// It was passed before.
    Passed,
    /// There are others before it that were not seen.
    Ahead,
}

impl Handover {
    pub(crate) fn from(cursors: &[Cursor]) -> Self {
        let mut handover = Self::default();
        for cursor in cursors {
            handover.begin(cursor.clone());
        }
        handover
    }

    /// Says whose mailbox is followed.
    pub(crate) fn set_user(&mut self, me: UserName) {
        self.me = Some(me);
    }

    /// Whether it is the user whose mailbox is followed.
    pub(crate) fn is_own(&self, from: &UserName) -> bool {
        self.me.as_ref() == Some(from)
    }

    /// Where a log is, if it is followed.
    pub(crate) fn last(&self, log: &Log) -> Option<Sequence> {
        self.logs.get(log).map(|handed| handed.last)
    }

    /// Follows a log from here on, whatever was known of it.
    pub(crate) fn begin(&mut self, Cursor { log, after }: Cursor) {
        let handed = Handed { last: after, open: BTreeSet::new(), unmarked: Vec::new() };
        self.logs.insert(log, handed);
    }

    /// Follows only the logs that are wanted.
    pub(crate) fn retain(&mut self, mut wanted: impl FnMut(&Log) -> bool) {
        self.logs.retain(|log, _| wanted(log));
    }

    /// What a place is, before [`hand_on`](Self::hand_on) or [`pass_over`](Self::pass_over).
    pub(crate) fn place(&self, log: &Log, place: Sequence) -> Place {
        match self.last(log) {
            Some(last) if place <= last => Place::Passed,
            Some(last) if place == last.next() => Place::Next,
            _ => Place::Ahead,
        }
    }

    /// Notes that the next place is handed on, and has to be acknowledged.
    pub(crate) fn hand_on(&mut self, log: &Log, place: Sequence) {
        if let Some(handed) = self.logs.get_mut(log) {
            handed.last = place;
            handed.open.insert(place);
        }
    }

    /// Notes that the next place concerns nobody.
    pub(crate) fn pass_over(&mut self, log: &Log, place: Sequence) {
        if let Some(handed) = self.logs.get_mut(log) {
            handed.last = place;
        }
    }

    /// Notes an acknowledgement; says whether it was waited for.
    pub(crate) fn acknowledge(&mut self, id: &MessageId) -> bool {
        let log = match &id.log {
            Address::User(user) if Some(user) == self.me.as_ref() => Log::Inbox,
            Address::User(_) => return false,
            Address::Group(group) => Log::Group(group.clone()),
        };
        let Some(handed) = self.logs.get_mut(&log) else { return false };
        let waited_for = handed.open.remove(&id.sequence);
        if waited_for {
            handed.unmarked.push(id.sequence);
        }
        waited_for
    }

    /// How many messages wait to be acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.logs.values().map(|handed| handed.open.len()).sum()
    }

    /// Where to go on without handing anything on twice.
    pub(crate) fn positions(&self) -> Vec<Cursor> {
        self.each(|handed| handed.last)
    }

    /// The last place of each log up to which all is acknowledged.
    pub(crate) fn cursors(&self) -> Vec<Cursor> {
        self.each(Handed::acknowledged)
    }

    fn each(&self, after: impl Fn(&Handed) -> Sequence) -> Vec<Cursor> {
        let logs = self.logs.iter();
        logs.map(|(log, handed)| Cursor { log: log.clone(), after: after(handed) }).collect()
    }

    /// Some that were acknowledged and are to be marked as read.
    pub(crate) fn unmarked(&self) -> Option<(Log, Vec<Sequence>)> {
        let (log, handed) = self.logs.iter().find(|(_, handed)| !handed.unmarked.is_empty())?;
        Some((log.clone(), handed.unmarked.clone()))
    }

    /// Notes that those are marked as read.
    pub(crate) fn marked(&mut self, log: &Log, places: &[Sequence]) {
        if let Some(handed) = self.logs.get_mut(log) {
            handed.unmarked.retain(|place| !places.contains(place));
        }
    }
}

impl Handed {
    fn acknowledged(&self) -> Sequence {
        match self.open.first() {
            Some(first) => Sequence(first.0.saturating_sub(1)),
            None => self.last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(after: u64) -> Cursor {
        Cursor { log: Log::Inbox, after: Sequence(after) }
    }

    fn handover() -> Handover {
        let mut handover = Handover::from(&[inbox(4)]);
        handover.set_user("bot".parse().unwrap());
        for place in 5..=7 {
            assert_eq!(handover.place(&Log::Inbox, Sequence(place)), Place::Next);
            handover.hand_on(&Log::Inbox, Sequence(place));
        }
        handover
    }

    #[track_caller]
    fn acknowledge(handover: &mut Handover, id: &str, cursor: u64) {
        assert!(handover.acknowledge(&id.parse().unwrap()), "{id}");
        assert_eq!(handover.cursors(), [inbox(cursor)]);
    }

    #[test]
    fn a_cursor_moves_over_what_is_acknowledged_without_a_gap() {
        let mut handover = handover();
        assert_eq!(handover.cursors(), [inbox(4)]);
        acknowledge(&mut handover, "@bot:6", 4);
        acknowledge(&mut handover, "@bot:5", 6);
        handover.pass_over(&Log::Inbox, Sequence(8));
        assert_eq!((handover.cursors(), handover.positions()), (vec![inbox(6)], vec![inbox(8)]));
        acknowledge(&mut handover, "@bot:7", 8);
        assert_eq!(handover.in_flight(), 0);
    }

    #[test]
    fn what_was_not_handed_on_cannot_be_acknowledged() {
        let mut handover = handover();
        acknowledge(&mut handover, "@bot:5", 5);
        for wrong in ["@bot:5", "@bot:4", "@bot:8", "@alice:6", "+lab:6"] {
            assert!(!handover.acknowledge(&wrong.parse().unwrap()), "{wrong}");
        }
        assert_eq!(handover.in_flight(), 2);
    }

    #[test]
    fn places_come_one_after_the_other() {
        let handover = handover();
        assert_eq!(handover.place(&Log::Inbox, Sequence(7)), Place::Passed);
        assert_eq!(handover.place(&Log::Inbox, Sequence(8)), Place::Next);
        assert_eq!(handover.place(&Log::Inbox, Sequence(9)), Place::Ahead);
        let lab = Log::Group("lab".parse().unwrap());
        assert_eq!(handover.place(&lab, Sequence(1)), Place::Ahead);
    }

    #[test]
    fn what_is_acknowledged_is_marked_once() {
        let mut handover = handover();
        acknowledge(&mut handover, "@bot:7", 4);
        let (log, places) = handover.unmarked().unwrap();
        assert_eq!((&log, &places[..]), (&Log::Inbox, &[Sequence(7)][..]));
        acknowledge(&mut handover, "@bot:5", 5);
        handover.marked(&log, &places);
        assert_eq!(handover.unmarked(), Some((Log::Inbox, vec![Sequence(5)])));
    }
}
