//! The questions that can be asked of the store. Each is answered from one snapshot, which no other
//! waits for and which is given back before the answer leaves.

mod accounts;
mod files;
mod follow;
mod groups;
mod history;
mod receipts;
mod sessions;

pub(crate) use files::Keeping;
pub(crate) use follow::Placed;
pub(crate) use history::HistoryQuery;
use qchat_proto::{Address, GroupName, Refusal, UserName};
use redb::ReadTransaction;
pub(in crate::store) use sessions::sessions_of;
pub(crate) use sessions::{SessionRow, TokenHash, session_id};

use super::fault::Fault;
use super::records::{Group, Membership};
use super::tables;

/// The group, where `user` is one of its members. Existence is checked before membership.
fn group_of_member(
    snapshot: &ReadTransaction,
    name: &GroupName,
    user: &UserName,
) -> Result<Result<Group, Refusal>, Fault> {
    let key = tables::name(name.as_str());
    let Some(group) = tables::find::<Group>(snapshot, tables::GROUPS, key, "group")? else {
        return Ok(Err(Refusal::GroupNotFound(name.clone())));
    };
    let key = tables::member(name, Some(user));
    let membership: Option<Membership> =
        tables::find(snapshot, tables::MEMBERS, &key, "membership")?;
    Ok(membership.map(|_| group).ok_or_else(|| Refusal::NotAMember(name.clone())))
}

/// Whether `user` may read the log: the own mailbox, or a group of theirs.
fn may_read(
    snapshot: &ReadTransaction,
    user: &UserName,
    log: &Address,
) -> Result<Result<(), Refusal>, Fault> {
    match log {
        Address::User(owner) if owner == user => Ok(Ok(())),
        Address::User(owner) => Ok(Err(Refusal::UserNotFound(owner.clone()))),
        Address::Group(group) => Ok(group_of_member(snapshot, group, user)?.map(drop)),
    }
}
