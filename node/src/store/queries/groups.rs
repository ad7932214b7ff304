//! Queries about groups.

use qchat_proto::limits::PAGE_ITEMS_MAX;
use qchat_proto::{GroupName, Refusal, Timestamp, UserName, command};

use super::accounts::user_name;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::permission::{Action, permit};
use crate::store::schema::records::{self, GroupRecord, MembershipRecord};
use crate::store::schema::rows_read::Snapshot;
use crate::store::schema::{keys, tables};

/// The owner of a group, a page of its members, and whether more members follow.
pub(crate) struct MembersPage {
    pub(crate) owner: UserName,
    pub(crate) members: Vec<UserName>,
    pub(crate) more: bool,
}

impl Store {
    /// A page of the groups after `after`, sorted by name, and whether more groups follow.
    pub(crate) async fn groups(
        &self,
        user: UserName,
        after: Option<GroupName>,
    ) -> Result<(Vec<command::Group>, bool), StoreError> {
        self.read(move |snapshot| {
            let table = snapshot.open_table(tables::GROUPS)?;
            let members = snapshot.open_table(tables::MEMBERS)?;
            let after = after.as_ref().map(|group| keys::name(group.as_str()));
            let mut groups = Vec::new();
            for row in table.range(after.unwrap_or_default()..)? {
                let (key, value) = row?;
                if Some(key.value()) == after {
                    continue;
                }
                if groups.len() == PAGE_ITEMS_MAX {
                    return Ok((groups, true));
                }
                let name = group_name(key.value())?;
                let group: GroupRecord = records::decode(value.value(), "group")?;
                let membership = keys::member(&name, Some(&user));
                let joined = members.get(membership.as_slice())?.is_some();
                groups.push(command::Group { name, members: group.members, joined });
            }
            Ok((groups, false))
        })
        .await
    }

    /// A page of the members after `after`, sorted by name, of a group that `user` is a member of.
    pub(crate) async fn members(
        &self,
        user: UserName,
        group: GroupName,
        after: Option<UserName>,
    ) -> Result<Result<MembersPage, Refusal>, StoreError> {
        self.read(move |snapshot| {
            if let Err(refusal) = permit(snapshot, &user, Action::SeeMembers(&group))? {
                return Ok(Err(refusal));
            }
            let key = keys::name(group.as_str());
            let found: Option<GroupRecord> = tables::find(snapshot, tables::GROUPS, key, "group")?;
            let owner = found.ok_or(StoreError::Damaged("group"))?.owner;
            let start = keys::member(&group, None);
            let after = after.as_ref().map(|user| keys::member(&group, Some(user)));
            let table = snapshot.open_table(tables::MEMBERS)?;
            let mut members = Vec::new();
            for row in table.range(after.as_ref().unwrap_or(&start).as_slice()..)? {
                let (key, _) = row?;
                let Some(name) = key.value().strip_prefix(start.as_slice()) else { break };
                if Some(key.value()) == after.as_deref() {
                    continue;
                }
                if members.len() == PAGE_ITEMS_MAX {
                    return Ok(Ok(MembersPage { owner, members, more: true }));
                }
                members.push(user_name(name)?);
            }
            Ok(Ok(MembersPage { owner, members, more: false }))
        })
        .await
    }
}

/// All members of a group, sorted by name, with the time of their joining.
pub(super) fn memberships(
    snapshot: &Snapshot,
    group: &GroupName,
) -> Result<Vec<(UserName, Timestamp)>, StoreError> {
    let start = keys::member(group, None);
    let mut found = Vec::new();
    for row in snapshot.open_table(tables::MEMBERS)?.range(start.as_slice()..)? {
        let (key, value) = row?;
        let Some(name) = key.value().strip_prefix(start.as_slice()) else { break };
        let membership: MembershipRecord = records::decode(value.value(), "membership")?;
        found.push((user_name(name)?, membership.joined));
    }
    Ok(found)
}

/// The group name in a key.
pub(super) fn group_name(key: &[u8]) -> Result<GroupName, StoreError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| name.parse().ok());
    name.ok_or(StoreError::Damaged("group name"))
}
