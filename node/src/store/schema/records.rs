//! The values in the tables: a version byte, then postcard.
//!
//! The fields of a released record never change. A record that must change gets a new version, and `decode` reads
//! both versions.

use qchat_proto::{Address, Body, ClientId, GroupName, Sequence, Timestamp, UserName, frame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::places::MessageKey;
use crate::store::error::StoreError;

/// The version of all records.
const VERSION: u8 = 1;

/// The bytes of a record.
pub(in crate::store) fn encode(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&frame::encode(record));
    bytes
}

/// Decodes a record. `what` names the record in the error about a damaged one.
pub(in crate::store) fn decode<V: DeserializeOwned>(
    bytes: &[u8],
    what: &'static str,
) -> Result<V, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, content)) => frame::decode(content).map_err(|_| StoreError::Damaged(what)),
        _ => Err(StoreError::Damaged(what)),
    }
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct AccountRecord {
    /// The argon2id hash of the password, in PHC form.
    pub(in crate::store) password_hash: String,
    pub(in crate::store) created: Timestamp,
}

/// A session, which its token resumes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct SessionRecord {
    pub(in crate::store) user: UserName,
    pub(in crate::store) created: Timestamp,
    pub(in crate::store) used: Timestamp,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct GroupRecord {
    pub(in crate::store) owner: UserName,
    pub(in crate::store) created: Timestamp,
    /// The number of members, which is the number of the group's rows in `members`.
    pub(in crate::store) members: u64,
}

/// The membership of a user in a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::store) struct MembershipRecord {
    pub(in crate::store) joined: Timestamp,
}

/// A message. `to` and `sequence` are its id, also in the sender's mailbox, which lists it under another number.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct LogEntry {
    pub(in crate::store) to: Address,
    pub(in crate::store) sequence: Sequence,
    pub(in crate::store) from: UserName,
    pub(in crate::store) at: Timestamp,
    pub(in crate::store) id: ClientId,
    pub(in crate::store) body: Body,
}

/// A file in the upload folder that belongs to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) struct StoredFileRecord {
    pub(in crate::store) sender: UserName,
    /// The length in bytes.
    pub(in crate::store) size: u64,
    /// The time of expiry. The bytes of an expired file are removed.
    pub(in crate::store) expired: Option<Timestamp>,
}

/// The effect of a repeatable command when it arrived first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::store) enum CommandEffect {
    /// The command created the account.
    Account,
    /// The command sent the message under this key.
    Message(MessageKey),
    /// The command created the group.
    Group(GroupName),
    /// The command changed the password.
    Password,
}

#[cfg(test)]
mod tests;
