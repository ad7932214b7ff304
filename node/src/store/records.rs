//! The values in the tables: a version byte, then postcard.
//!
//! A shipped record is frozen. One that must change gets a new version, and `decode` learns both.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, Body, ClientId, GroupName, Sequence, Timestamp, UserName, frame};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::StoreError;

/// The version of every record so far.
const VERSION: u8 = 1;

/// The bytes of a record.
pub(super) fn encode(record: &impl Serialize) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend_from_slice(&frame::encode(record));
    bytes
}

/// Reads a record. `what` names it in the report of a damaged one.
pub(super) fn decode<V: DeserializeOwned>(
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

/// Which messages of a log are marked for a user: sorted runs that do not touch. What else a disk may bring
/// is no such record, since looking for a place in it would go wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<SequenceRange>")]
pub(super) struct MarkedRanges(pub(super) Vec<SequenceRange>);

impl TryFrom<Vec<SequenceRange>> for MarkedRanges {
    type Error = &'static str;

    fn try_from(runs: Vec<SequenceRange>) -> Result<Self, Self::Error> {
        let is_run = |run: &SequenceRange| run.first <= run.last;
        let are_apart = runs.is_sorted_by(|one, other| one.last.next() < other.first);
        match are_apart && runs.iter().all(is_run) {
            true => Ok(Self(runs)),
            false => Err("runs that are not sorted, or touch"),
        }
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::*;

    /// A file's message as it was written before files had folders.
    const WITHOUT_FOLDERS: &str = "010003626f621105616c696365d3b29be5aa33c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1\
        0118313736333833333230373132335f7265706f72742e7064660a7265706f72742e706466b960\
        dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

    #[test]
    fn a_file_that_was_stored_before_there_were_folders_is_read_as_ever() {
        let bytes = HEXLOWER.decode(WITHOUT_FOLDERS.as_bytes()).unwrap();
        let entry: Entry = decode(&bytes, "message").unwrap();
        assert_eq!(encode(&entry), bytes);
        let Body::File(file) = &entry.body else { panic!("{entry:?}") };
        assert_eq!((file.original.folder(), file.original.name().as_str()), (None, "report.pdf"));
        // And who knows no folders reads a harmless name.
        let mut in_folder = entry.clone();
        let Body::File(file) = &mut in_folder.body else { panic!("{in_folder:?}") };
        file.original = "photos/2024/a.jpg".into();
        let encoded = encode(&in_folder);
        assert_eq!(decode::<Entry>(&encoded, "message").unwrap(), in_folder);
        let path = frame::encode(&"photos/2024/a.jpg");
        let name: qchat_proto::FileName = frame::decode(&path).unwrap();
        assert_eq!(name.as_str(), "photos_2024_a.jpg");
    }
}
