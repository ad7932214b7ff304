//! Messages, and the logs that hold them, each with dense sequence numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::Digest;
use crate::names::FilePath;
use crate::names::StoredName;
use crate::names::{GroupName, UserName};
use crate::text::MessageText;
use crate::timestamp::Timestamp;

/// The receiver of a message, and so the name of the log that holds it: a user's mailbox or a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// A user. The log is the mailbox of the user.
    User(UserName),
    /// A group.
    Group(GroupName),
}

/// The number of a message in its log: 1 for the first, without gaps.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The next sequence number.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// The id of a message, the same for sender and receivers: the log that the message was sent to, and the
/// sequence number there.
///
/// The text form is `@bob:17` for a mailbox and `+lab:17` for a group. No character of the text has a
/// meaning in a shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The log.
    pub log: Address,
    /// The number in the log.
    pub sequence: Sequence,
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.log {
            Address::User(user) => write!(formatter, "@{user}:{}", self.sequence),
            Address::Group(group) => write!(formatter, "+{group}:{}", self.sequence),
        }
    }
}

/// The text is not the id of a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a message's id looks like @bob:17 or +lab:17")]
pub struct MessageIdError;

impl FromStr for MessageId {
    type Err = MessageIdError;

    fn from_str(text: &str) -> Result<Self, MessageIdError> {
        let (log, sequence) = text.rsplit_once(':').ok_or(MessageIdError)?;
        let log = match (log.strip_prefix('@'), log.strip_prefix('+')) {
            (Some(user), _) => user.parse().map(Address::User),
            (_, Some(group)) => group.parse().map(Address::Group),
            _ => return Err(MessageIdError),
        };
        let sequence = sequence.parse().map(Sequence).map_err(|_| MessageIdError)?;
        Ok(Self { log: log.map_err(|_| MessageIdError)?, sequence })
    }
}

/// The description of a file in its message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The name under which the server stores the file.
    pub name: StoredName,
    /// The sender's name of the file, with the folders that were sent along.
    pub original: FilePath,
    /// The length in bytes.
    pub size: u64,
    /// The digest of the bytes.
    pub digest: Digest,
}

/// The content of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A text.
    Text(MessageText),
    /// A file, whose bytes a command `Download` fetches.
    File(File),
    /// A file whose bytes the server has removed, since its retention time is over.
    ExpiredFile(File),
}

/// A message, from the view of one reader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The id, the same for sender and receivers.
    pub id: MessageId,
    /// The sender.
    pub from: UserName,
    /// The time at which the server accepted the message.
    pub at: Timestamp,
    /// The content.
    pub body: Body,
    /// Whether the reader has not read the message yet.
    pub unread: bool,
}

/// The progress of a message with all its receivers. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The server stores the message.
    Stored,
    /// A device of each receiver has the message.
    Delivered,
    /// Each receiver has read the message.
    Read,
}

/// How many receivers of a message have it, and how many have read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of receivers: one, or the current members of the group except the sender.
    pub receivers: u64,
    /// The number of receivers who have the message on a device, readers included.
    pub delivered: u64,
    /// The number of receivers who have read the message.
    pub read: u64,
}

impl Receipt {
    /// The progress with all receivers. A message without receivers counts as read.
    pub fn stage(&self) -> Stage {
        match self {
            _ if self.read >= self.receivers => Stage::Read,
            _ if self.delivered >= self.receivers => Stage::Delivered,
            _ => Stage::Stored,
        }
    }
}

#[cfg(test)]
mod tests;
