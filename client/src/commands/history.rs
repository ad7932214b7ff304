//! Reading a log, and marking what was shown.

use qchat_proto::command::{History, Log, MarkRead, Selection, SequenceRange};
use qchat_proto::limits::READ_RANGES_MAX;
use qchat_proto::{Address, BoundedVec, Message, Sequence, UserName};

use crate::commands::lists::PAGES_MAX;
use crate::connection::Link;
use crate::error::{CallError, DamagedError};

/// Which messages of a log are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryQuery {
    /// The log.
    pub log: Log,
    /// How many, and whether read ones too.
    pub selection: Selection,
    /// Only those of this sender.
    pub from: Option<UserName>,
    /// Only those before this one.
    pub before: Option<Sequence>,
}

/// Messages of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryAnswer {
    /// Oldest first.
    pub messages: Vec<Message>,
    /// Whether older ones exist that were not selected.
    pub more: bool,
}

pub(crate) async fn history(link: &Link, query: HistoryQuery) -> Result<HistoryAnswer, CallError> {
    let HistoryQuery { log, selection, from, before } = query;
    let mut question = History { log, selection, from, before, page: None };
    let mut answer = HistoryAnswer { messages: Vec::new(), more: false };
    for _ in 0..PAGES_MAX {
        let page = link.ask(question.clone()).await?;
        answer.messages.extend(page.messages.into_vec());
        answer.more |= page.more;
        if page.next.is_none() {
            return Ok(answer);
        }
        question.page = page.next;
    }
    Err(DamagedError::EndlessList.into())
}

pub(crate) async fn mark_read(link: &Link, log: Log, shown: &[Message]) -> Result<(), CallError> {
    mark_places(link, &log, unread(&log, shown)).await
}

/// Marks these places of a log as read.
pub(crate) async fn mark_places(
    link: &Link,
    log: &Log,
    places: Vec<Sequence>,
) -> Result<(), CallError> {
    let ranges = ranges(places);
    for chunk in ranges.chunks(READ_RANGES_MAX) {
        let ranges = BoundedVec::first_of(chunk.iter().copied());
        link.ask(MarkRead { log: log.clone(), ranges }).await?;
    }
    Ok(())
}

/// The first unread message of a log, if there is one. In the mailbox its id names its place there.
pub(crate) async fn oldest_unread(link: &Link, log: &Log) -> Result<Option<Sequence>, CallError> {
    let (log, selection) = (log.clone(), Selection::Unread);
    let mut question = History { log, selection, from: None, before: None, page: None };
    for _ in 0..PAGES_MAX {
        let page = link.ask(question.clone()).await?;
        if let Some(message) = page.messages.iter().next() {
            return Ok(Some(message.id.sequence));
        }
        question.page = page.next;
        if question.page.is_none() {
            return Ok(None);
        }
    }
    Err(DamagedError::EndlessList.into())
}

/// The unread ones among the messages of this log: nothing unmarks a message, so the others need not
/// be told of again.
fn unread(log: &Log, shown: &[Message]) -> Vec<Sequence> {
    let of_this_log = |message: &&Message| match (log, &message.id.log) {
        (Log::Inbox, Address::User(_)) => true,
        (Log::Group(asked), Address::Group(group)) => asked == group,
        _ => false,
    };
    let unread = shown.iter().filter(of_this_log).filter(|message| message.unread);
    unread.map(|message| message.id.sequence).collect()
}

/// The same places as unbroken runs, lowest first.
fn ranges(mut places: Vec<Sequence>) -> Vec<SequenceRange> {
    places.sort_unstable();
    let mut ranges: Vec<SequenceRange> = Vec::new();
    for place in places {
        match ranges.last_mut() {
            Some(range) if place <= range.last.next() => range.last = place,
            _ => ranges.push(SequenceRange { first: place, last: place }),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use qchat_proto::{Body, MessageId, MessageText, Timestamp};

    use super::*;

    #[track_caller]
    fn check(places: &[u64], expected: &[(u64, u64)]) {
        let ranges = ranges(places.iter().copied().map(Sequence).collect());
        let ranges: Vec<_> = ranges.iter().map(|range| (range.first.0, range.last.0)).collect();
        assert_eq!(ranges, expected, "{places:?}");
    }

    #[test]
    fn places_become_the_fewest_ranges() {
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
}
