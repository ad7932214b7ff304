//! The values in the tables: a version byte, then postcard.
//!
//! A shipped record is frozen. One that must change gets a new version, and `decode` learns both.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, ClientId, GroupName, Sequence, Timestamp, UserName, frame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::fault::Fault;

/// The version of every record so far.
const VERSION: u8 = 1;

/// The bytes of a record.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&frame::encode(record));
    bytes
}

/// Reads a record. `what` names it in the report of a damaged one.
pub(super) fn decode<V: DeserializeOwned>(bytes: &[u8], what: &'static str) -> Result<V, Fault> {
    match bytes.split_first() {
        Some((&VERSION, content)) => frame::decode(content).map_err(|_| Fault::Damaged(what)),
        _ => Err(Fault::Damaged(what)),
    }
}

/// An account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Account {
    /// The password's argon2id hash in PHC form.
    pub(super) password_hash: String,
    pub(super) created: Timestamp,
}

/// A session that its token resumes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Session {
    pub(super) user: UserName,
    pub(super) created: Timestamp,
    pub(super) used: Timestamp,
}

/// A group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Group {
    pub(super) owner: UserName,
    pub(super) created: Timestamp,
    /// How many members it has: the number of its rows in `members`.
    pub(super) members: u64,
}

/// A user's membership of a group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Membership {
    pub(super) joined: Timestamp,
}

/// A message in a log. In the sender's mailbox, whose copy it is, `to` and `sequence` are those of the
/// receiver's: they are the message's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) to: Address,
    pub(super) sequence: Sequence,
    pub(super) from: UserName,
    pub(super) at: Timestamp,
    pub(super) id: ClientId,
    pub(super) body: Body,
}

/// A file in the upload folder that a message tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredFile {
    pub(super) sender: UserName,
    /// Its length in bytes.
    pub(super) size: u64,
    /// When it expired: its bytes are gone, or about to go.
    pub(super) expired: Option<Timestamp>,
}

/// What a repeatable command did when it came first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Effect {
    /// It made the account.
    Account,
    /// It sent the message that lies there.
    Message(Address, Sequence),
    /// It made the group.
    Group(GroupName),
    /// It changed the password.
    Password,
}

/// Which messages of a log are marked for a user: sorted runs that do not touch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct MarkedRanges(pub(super) Vec<SequenceRange>);
