//! What happens while a client watches.

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
    /// Where to go on in logs that were followed before. Other logs are followed from their end.
    pub cursors: BoundedVec<Cursor, CURSORS_MAX>,
}

/// How far a log has been followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The log.
    pub log: Log,
    /// The last place in it that was handed on.
    pub after: Sequence,
}

/// Something that a watching client is told. Append only: the position is the tag on the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A log is followed from this place on. Said once for each log, before its messages.
    Following(Cursor),
    /// A message in the next place of its log. In the mailbox that may also be one that the caller
    /// sent, on this device or another.
    Message {
        /// The log.
        log: Log,
        /// The place in it: what a cursor counts. A copy's id names its place in another log.
        place: Sequence,
        /// What lies there.
        message: Message,
    },
    /// All that was there when watching began has been told; what follows is new.
    CaughtUp,
    /// The caller is no member of this group any more; it is not followed.
    Left(GroupName),
    /// A user came or went.
    Presence {
        /// Who.
        user: UserName,
        /// Whether they are connected now.
        online: bool,
    },
    /// Another user joined or left a group that is followed.
    Membership {
        /// The group.
        group: GroupName,
        /// Who.
        user: UserName,
        /// Whether they are a member now.
        is_member: bool,
    },
}
