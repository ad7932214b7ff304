//! Queries about groups.

use qchat_proto::{GroupName, Refusal, Timestamp, UserName, command};

use super::accounts::user_name;
use crate::store::error::StoreError;
use crate::store::handle::Store;
use crate::store::interface::{Range, Read, Row, Stop, Table};
use crate::store::permission::{Action, permit};
use crate::store::schema::records::{self, GroupRecord, MembershipRecord};
use crate::store::schema::{keys, rows};

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
        self.read(move |tables| {
            let after = after.as_ref().map(|group| keys::name(group.as_str()));
            let (page, more) = rows::page(tables, Range::all(Table::Groups).behind_any(after))?;
            let names: Result<Vec<_>, _> = page.iter().map(|(key, _)| group_name(key)).collect();
            let names = names?;
            let keys: Vec<_> = names.iter().map(|name| keys::member(name, Some(&user))).collect();
            let memberships = tables.get_all(Table::Members, &keys)?;
            let mut groups = Vec::new();
            for ((name, (_, value)), membership) in names.into_iter().zip(&page).zip(memberships) {
                let GroupRecord { members, .. } = records::decode(value, "group")?;
                groups.push(command::Group { name, members, joined: membership.is_some() });
            }
            Ok((groups, more))
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
        self.read(move |tables| {
            if let Err(refusal) = permit(tables, &user, Action::SeeMembers(&group))? {
                return Ok(Err(refusal));
            }
            let key = keys::name(group.as_str());
            let found: Option<GroupRecord> = rows::find(tables, Table::Groups, key, "group")?;
            let owner = found.ok_or(StoreError::Damaged("group"))?.owner;
            let start = keys::member(&group, None);
            let after = after.as_ref().map(|user| keys::member(&group, Some(user)));
            let all = Range::prefix(Table::Members, start.clone());
            let (page, more) = rows::page(tables, all.behind_any(after.as_deref()))?;
            let names = page.iter().map(|(key, _)| user_name(rows::rest(key, &start)));
            let members: Result<_, _> = names.collect();
            Ok(Ok(MembersPage { owner, members: members?, more }))
        })
        .await
    }
}

/// All members of a group, sorted by name, with the time of their joining.
pub(super) fn memberships(
    tables: &mut dyn Read,
    group: &GroupName,
) -> Result<Vec<(UserName, Timestamp)>, Stop> {
    let start = keys::member(group, None);
    let members = tables.range(&Range::prefix(Table::Members, start.clone()))?;
    let member = |(key, value): &Row| {
        let membership: MembershipRecord = records::decode(value, "membership")?;
        Ok((user_name(rows::rest(key, &start))?, membership.joined))
    };
    members.iter().map(member).collect()
}

/// The group name in a key.
pub(super) fn group_name(key: &[u8]) -> Result<GroupName, StoreError> {
    let name = std::str::from_utf8(key).ok().and_then(|name| name.parse().ok());
    name.ok_or(StoreError::Damaged("group name"))
}
