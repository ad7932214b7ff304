//! The keys of the tables: bytes that sort in the order in which the store reads the rows.

use qchat_proto::{
    Address, ClientId, File, FileName, FolderPath, GroupName, Sequence, StoredName, UserName,
};

use super::places::MessageKey;
use crate::store::interface::WriterNumber;

/// The terminator of every variable-length part of a key. No name contains it, so no key is a prefix of another.
const END: u8 = 0;

/// The key of a user, a group, or a stored file.
pub(in crate::store) fn name(name: &str) -> &[u8] {
    name.as_bytes()
}

fn joined(parts: &[&[u8]], last: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(64);
    for part in parts {
        key.extend_from_slice(part);
        key.push(END);
    }
    key.extend_from_slice(last);
    key
}

/// The key of a log: a sign for its kind, its name, and the terminator.
pub(in crate::store) fn log(log: &Address) -> Vec<u8> {
    match log {
        Address::User(user) => joined(&[format!("@{user}").as_bytes()], &[]),
        Address::Group(group) => joined(&[format!("+{group}").as_bytes()], &[]),
    }
}

/// The key of a chunk of a log that begins with this sequence number.
pub(in crate::store) fn chunk(address: &Address, first: Sequence) -> Vec<u8> {
    let mut key = log(address);
    key.extend_from_slice(&first.0.to_be_bytes());
    key
}

/// The key of a message. The numbers grow, so that new messages lie together on a few pages.
pub(in crate::store) fn message(key: MessageKey) -> Vec<u8> {
    key.get().to_be_bytes().to_vec()
}

/// The key of the last message of a writer.
pub(in crate::store) fn last_message(writer: WriterNumber) -> Vec<u8> {
    writer.get().to_be_bytes().to_vec()
}

/// The key of a member of a group; with `None` the prefix of all its members.
pub(in crate::store) fn member(group: &GroupName, user: Option<&UserName>) -> Vec<u8> {
    let user = user.map(UserName::as_str).unwrap_or_default();
    joined(&[group.as_str().as_bytes()], user.as_bytes())
}

/// The key of a group of a user; with `None` the prefix of all groups of the user.
pub(in crate::store) fn group_of_user(user: &UserName, group: Option<&GroupName>) -> Vec<u8> {
    let group = group.map(GroupName::as_str).unwrap_or_default();
    joined(&[user.as_str().as_bytes()], group.as_bytes())
}

/// The key of a user's markers in a log.
pub(in crate::store) fn marker(user: &UserName, address: &Address) -> Vec<u8> {
    joined(&[user.as_str().as_bytes()], &log(address))
}

/// The key of a repeatable command of a user. An id begins with the time, so that new keys lie together on a few pages.
pub(in crate::store) fn effect(user: &UserName, id: ClientId) -> Vec<u8> {
    [&id.0, user.as_str().as_bytes()].concat()
}

/// The key of a session of a user; with an empty hash the prefix of all sessions of the user.
pub(in crate::store) fn session_of_user(user: &UserName, token_hash: &[u8]) -> Vec<u8> {
    joined(&[user.as_str().as_bytes()], token_hash)
}

/// The names by which a file can be found: the stored name, and the original name with and without its folders.
/// A name without folders is made a valid file name again, as a query does it.
pub(in crate::store) fn names_of(file: &File) -> Vec<String> {
    let alone = FileName::from(file.original.name().as_str());
    let mut names = vec![file.name.to_string(), alone.to_string()];
    if file.original.folder().is_some() {
        names.push(file.original.to_string());
    }
    names
}

/// The prefix of all files of a log below a folder. Only a path contains a slash, so no other name of a file has
/// this prefix.
pub(in crate::store) fn files_below(address: &Address, folder: &FolderPath) -> Vec<u8> {
    let mut key = log(address);
    key.extend_from_slice(format!("{folder}/").as_bytes());
    key
}

/// The key of a file under one of its names. Without the stored name, the prefix of all files of that name.
pub(in crate::store) fn file_name(
    address: &Address,
    name: &str,
    stored: Option<&StoredName>,
) -> Vec<u8> {
    let mut key = log(address);
    let stored = stored.map(StoredName::as_str).unwrap_or_default();
    key.extend_from_slice(&joined(&[name.as_bytes()], stored.as_bytes()));
    key
}
