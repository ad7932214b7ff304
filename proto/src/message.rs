//! Messages, and where they lie: in logs, each with dense sequence numbers.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::file_path::FilePath;
use crate::ids::Digest;
use crate::names::{GroupName, UserName};
use crate::stored_name::StoredName;
use crate::text::MessageText;
use crate::timestamp::Timestamp;

/// Where a message goes, and the name of the log it lies in: a user's mailbox or a group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Address {
    /// A user; the log is their mailbox.
    User(UserName),
    /// A group.
    Group(GroupName),
}

/// A message's place in its log: 1 for the first, without gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The place after this one.
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, formatter)
    }
}

/// What names a message for everybody: the log it was sent to, and its place there.
///
/// As text `@bob:17` for a person's mailbox and `+lab:17` for a group: no character of it means
/// anything to a shell.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct MessageId {
    /// The log.
    pub log: Address,
    /// The place in it.
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

/// A text that is no message's id.
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

/// A file as messages tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    /// The server's name for it.
    pub name: StoredName,
    /// The name that its sender knows it by, with the folders that were sent too.
    pub original: FilePath,
    /// Its length in bytes.
    pub size: u64,
    /// The digest of its bytes.
    pub digest: Digest,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// A text.
    Text(MessageText),
    /// A file, whose bytes are fetched by a command of their own.
    File(File),
    /// A file that was kept for as long as the server keeps files; its bytes are gone.
    ExpiredFile(File),
}

/// A message as one of its readers sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its id: the log it was sent to and its place there, the same for sender and receivers.
    pub id: MessageId,
    /// Who sent it.
    pub from: UserName,
    /// When the server accepted it.
    pub at: Timestamp,
    /// What it says.
    pub body: Body,
    /// Whether its reader has not been shown it yet.
    pub unread: bool,
}

/// How far a message has come with all whom it was sent to. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The server keeps it.
    Stored,
    /// A device of each receiver has it.
    Delivered,
    /// Each receiver was shown it.
    Read,
}

/// What became of a message so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// How many it was sent to: one, or the other members that its group has now.
    pub receivers: u64,
    /// How many of them have it on a device; those who read it are counted.
    pub delivered: u64,
    /// How many of them were shown it.
    pub read: u64,
}

impl Receipt {
    /// How far the message has come with all of them. With nobody to receive it, it is read.
    pub fn stage(&self) -> Stage {
        match self {
            _ if self.read >= self.receivers => Stage::Read,
            _ if self.delivered >= self.receivers => Stage::Delivered,
            _ => Stage::Stored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_that_of_the_last_receiver() {
        let stage = |delivered, read| Receipt { receivers: 2, delivered, read }.stage();
        assert_eq!([stage(0, 0), stage(1, 1)], [Stage::Stored; 2]);
        assert_eq!([stage(2, 0), stage(2, 1)], [Stage::Delivered; 2]);
        assert_eq!(stage(2, 2), Stage::Read);
        assert_eq!(Receipt { receivers: 0, delivered: 0, read: 0 }.stage(), Stage::Read);
    }

    #[test]
    fn an_id_survives_its_text_form() {
        for text in ["@bob:17", "+lab.2026:1"] {
            let id = text.parse::<MessageId>();
            assert_eq!(id.map(|id| id.to_string()).as_deref(), Ok(text));
        }
        for wrong in ["bob:17", "@bob", "@bob:x", "@:1", "@bob:-1", ""] {
            assert!(wrong.parse::<MessageId>().is_err(), "{wrong}");
        }
    }
}
