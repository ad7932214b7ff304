//! Sending texts, and reading logs.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::{ClientId, TransferId};
use crate::limits::{PAGE_ITEMS_MAX, READ_RANGES_MAX};
use crate::message::{Address, Message, MessageId, Sequence};
use crate::names::{GroupName, UserName};
use crate::refusal::Refusal;
use crate::text::MessageText;
use crate::timestamp::Timestamp;

/// Sends a text; see [`Request::SendText`](crate::Request::SendText).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendText {
    /// Makes it repeatable.
    pub id: ClientId,
    /// Whom to.
    pub to: Address,
    /// What.
    pub text: MessageText,
}

/// Sends texts in their order; see [`Request::SendTexts`](crate::Request::SendTexts).
///
/// The texts come as frames [`SendText`] on a unidirectional stream of their own, after its
/// [`FileHeader`](crate::file_stream::FileHeader). Each is answered with an event, in the same order, and
/// [`Done`](super::Done) follows when the stream has ended. A text is stored before those after it, so the
/// order of a log is the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendTexts {
    /// The stream that brings the texts.
    pub transfer: TransferId,
}

/// What became of one text of a [`SendTexts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextOutcome {
    /// It is stored.
    Stored {
        /// Its id.
        id: MessageId,
        /// When the server took it.
        at: Timestamp,
    },
    /// It is not. Those after it are not concerned.
    Refused(Refusal),
}

/// A log as its reader names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Log {
    /// What others sent to me.
    Inbox,
    /// What was sent to a group.
    Group(GroupName),
}

/// Which messages of a log are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// All that is unread, and at least this many of the newest.
    UnreadAndNewest(u32),
    /// This many of the newest, read or not.
    Newest(u32),
    /// All that is unread.
    Unread,
    /// This many of the newest that are unread.
    NewestUnread(u32),
}

/// Reads a log, oldest message first; see [`Request::History`](crate::Request::History).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// Which log.
    pub log: Log,
    /// Which of its messages.
    pub selection: Selection,
    /// Only those of this sender.
    pub from: Option<UserName>,
    /// Only those before this one.
    pub before: Option<Sequence>,
    /// Where to go on, from the page before.
    pub page: Option<PageMark>,
}

/// Where a history goes on: made by the server, handed back unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMark {
    /// The first message of those that are wanted as the newest.
    pub floor: Sequence,
    /// The end of the history as it was when reading began; later messages are not in it.
    pub end: Sequence,
    /// The last message that was looked at.
    pub after: Sequence,
    /// Whether older messages exist that are not wanted.
    pub more: bool,
}

/// Part of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// Oldest first.
    pub messages: BoundedVec<Message, PAGE_ITEMS_MAX>,
    /// Whether older messages exist that were not selected.
    pub more: bool,
    /// Where the next page starts, if there is one.
    pub next: Option<PageMark>,
}

/// An unbroken run of messages, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceRange {
    /// The first one.
    pub first: Sequence,
    /// The last one.
    pub last: Sequence,
}

/// Notes that a device of the caller has messages; see
/// [`Request::MarkDelivered`](crate::Request::MarkDelivered).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkDelivered {
    /// Which log.
    pub log: Log,
    /// Which of its messages.
    pub ranges: BoundedVec<SequenceRange, READ_RANGES_MAX>,
}

/// Follows what becomes of a message; see [`Request::Track`](crate::Request::Track).
///
/// The answer is a [`Receipt`](crate::Receipt) as things are, another whenever that changes, and
/// [`Done`](super::Done) after the one that says that all have read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// One that the caller sent.
    pub message: MessageId,
}

/// Marks messages as read; see [`Request::MarkRead`](crate::Request::MarkRead).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRead {
    /// Which log.
    pub log: Log,
    /// Which of its messages.
    pub ranges: BoundedVec<SequenceRange, READ_RANGES_MAX>,
}
