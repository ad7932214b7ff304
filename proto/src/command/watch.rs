//! Following the caller's logs: the events of `Watch`.

use serde::{Deserialize, Serialize};

use super::messages::Log;
use crate::bounded_vec::BoundedVec;
use crate::limits::CURSORS_MAX;
use crate::message::{Message, Sequence};
use crate::names::{GroupName, UserName};

/// Follows the caller's mailbox and groups as they grow; see [`Request::Watch`].
///
/// The answer is a stream of [`Event`]s that does not end by itself. Groups that the caller joins
/// later, on any device, are followed too.
///
/// [`Request::Watch`]: crate::Request::Watch
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// The positions reached in logs that were followed before. Other logs are followed from their end.
    pub cursors: BoundedVec<Cursor, CURSORS_MAX>,
}

/// How far a log has been followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The log.
    pub log: Log,
    /// The last sequence number of the log that the client has handed on.
    pub after: Sequence,
}

/// An event of a [`Watch`]. Append only: the position is the tag on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A log is followed from this position on. Sent once for each log, before its messages.
    Following(Cursor),
    /// The next message of a log. The mailbox also holds copies of messages that the caller sent, from
    /// this device or another.
    Message {
        /// The log.
        log: Log,
        /// The sequence number in this log, which a cursor counts. The id of a copy has the sequence
        /// number in another log.
        place: Sequence,
        /// The message.
        message: Message,
    },
    /// Every message that existed when watching began has been sent. Later messages are new.
    CaughtUp,
    /// The caller is no longer a member of this group, and the group is no longer followed.
    Left(GroupName),
    /// A user came online or went offline.
    Presence {
        /// The user.
        user: UserName,
        /// Whether the user is online now.
        online: bool,
    },
    /// Another user joined or left a group that is followed.
    Membership {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
        /// Whether the user is a member now.
        is_member: bool,
    },
}
