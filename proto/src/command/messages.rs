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
    /// Makes the command repeatable.
    pub id: ClientId,
    /// The receiver.
    pub to: Address,
    /// The text.
    pub text: MessageText,
}

/// Sends texts in their order; see [`Request::SendTexts`](crate::Request::SendTexts).
///
/// The texts are frames [`SendText`] on a unidirectional stream of their own, after a frame
/// [`FileHeader`](crate::file_stream::FileHeader). Each text is answered with a [`TextOutcome`], in the
/// same order, and [`Done`](crate::command::Done) follows when the stream has ended. The server stores the
/// texts in the order of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendTexts {
    /// The stream that brings the texts.
    pub transfer: TransferId,
}

/// The result of one text of a [`SendTexts`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextOutcome {
    /// The text is stored.
    Stored {
        /// The id of the message.
        id: MessageId,
        /// The time at which the server accepted the text.
        at: Timestamp,
    },
    /// The text is not stored. The texts after it are not affected.
    Refused(Refusal),
}

/// A log, from the view of its reader.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Log {
    /// The mailbox of the caller.
    Inbox,
    /// The log of a group.
    Group(GroupName),
}

/// The messages of a log that a reader wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selection {
    /// All unread messages, and at least this many of the newest.
    UnreadAndNewest(u32),
    /// This many of the newest, read or not.
    Newest(u32),
    /// All unread messages.
    Unread,
    /// This many of the newest unread messages.
    NewestUnread(u32),
}

/// Reads a log, oldest message first; see [`Request::History`](crate::Request::History).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct History {
    /// The log.
    pub log: Log,
    /// The messages that are wanted.
    pub selection: Selection,
    /// Only messages from this sender.
    pub from: Option<UserName>,
    /// Only messages before this one.
    pub before: Option<Sequence>,
    /// The `next` of the previous page.
    pub page: Option<PageMark>,
}

/// The position at which the next page of a history begins. The client returns the server's value unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PageMark {
    /// The first of the newest messages that are wanted whether read or not.
    pub floor: Sequence,
    /// The end of the history when reading began. Later messages are not part of the history.
    pub end: Sequence,
    /// The last message that was examined.
    pub after: Sequence,
    /// Whether older messages exist that were not selected.
    pub more: bool,
}

/// Part of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryPage {
    /// The messages, oldest first.
    pub messages: BoundedVec<Message, PAGE_ITEMS_MAX>,
    /// Whether older messages exist that were not selected.
    pub more: bool,
    /// The start of the next page, if there is one.
    pub next: Option<PageMark>,
}

/// An unbroken run of messages, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SequenceRange {
    /// The first message.
    pub first: Sequence,
    /// The last message.
    pub last: Sequence,
}

/// Records that a device of the caller has messages; see
/// [`Request::MarkDelivered`](crate::Request::MarkDelivered).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkDelivered {
    /// The log.
    pub log: Log,
    /// The messages.
    pub ranges: BoundedVec<SequenceRange, READ_RANGES_MAX>,
}

/// Follows the receipts of a message; see [`Request::Track`](crate::Request::Track).
///
/// The answer is the current [`Receipt`](crate::Receipt), another receipt after each change, and
/// [`Done`](crate::command::Done) once all receivers have read the message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// A message that the caller sent.
    pub message: MessageId,
}

/// Marks messages as read; see [`Request::MarkRead`](crate::Request::MarkRead).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkRead {
    /// The log.
    pub log: Log,
    /// The messages.
    pub ranges: BoundedVec<SequenceRange, READ_RANGES_MAX>,
}
