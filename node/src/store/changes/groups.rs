//! Groups and their members.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, ClientId, GroupName, Refusal, Sequence, Timestamp, UserName};

use super::receipts::{Mark, mark};
use crate::store::change::{ApplyError, Change, check, earlier_effect, group, record_effect};
use crate::store::interface::{Needs, Range, Read, Table, Write};
use crate::store::notification::Notification;
use crate::store::permission::{Action, facts_needed, is_member};
use crate::store::schema::keys;
use crate::store::schema::records::{CommandEffect, GroupRecord, MembershipRecord};
use crate::store::schema::rows;

/// The most groups of one user: each device of the user follows all of them.
const GROUPS_MAX: u32 = 500;

/// Creates a group with its owner as the first member. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct CreateGroup {
    pub(crate) id: ClientId,
    pub(crate) group: GroupName,
    pub(crate) owner: UserName,
    pub(crate) at: Timestamp,
}

impl Change for CreateGroup {
    type Outcome = JoinOutcome;

    fn notifications(&self, joined: &JoinOutcome) -> Vec<Notification> {
        joined.notifications(&self.group, &self.owner)
    }

    fn needs(&self) -> Needs {
        groups_needed(Needs::default(), &self.owner)
            .absent(Table::Effects, keys::effect(&self.owner, self.id))
            .row(Table::Groups, keys::name(self.group.as_str()))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<JoinOutcome, ApplyError> {
        let effect = CommandEffect::Group(self.group.clone());
        match earlier_effect(tables, &self.owner, self.id)? {
            Some(earlier) if earlier == effect => return Ok(JoinOutcome::WasMember),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let key = keys::name(self.group.as_str());
        if tables.get(Table::Groups, key)?.is_some() {
            return Err(Refusal::GroupExists(self.group.clone()).into());
        }
        tables.free_space().admit_growth()?;
        let group = GroupRecord { owner: self.owner.clone(), created: self.at, members: 0 };
        add(tables, &self.group, &group, &self.owner, self.at)?;
        record_effect(tables, &self.owner, self.id, &effect)?;
        Ok(JoinOutcome::Joined)
    }
}

/// Makes a user a member of a group. Joining twice changes nothing. Earlier messages of the group count as read.
#[derive(Debug, Clone)]
pub(crate) struct JoinGroup {
    pub(crate) group: GroupName,
    pub(crate) user: UserName,
    pub(crate) at: Timestamp,
}

/// The outcome of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JoinOutcome {
    /// The user is a member since this change.
    Joined,
    /// The user was a member before.
    WasMember,
}

impl Change for JoinGroup {
    type Outcome = JoinOutcome;

    fn notifications(&self, joined: &JoinOutcome) -> Vec<Notification> {
        joined.notifications(&self.group, &self.user)
    }

    fn needs(&self) -> Needs {
        let log = Address::Group(self.group.clone());
        let needs = facts_needed(Needs::default(), &self.user, Action::Join(&self.group));
        groups_needed(needs, &self.user)
            .row(Table::Heads, keys::log(&log))
            .row(Table::ReadMarkers, keys::marker(&self.user, &log))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<JoinOutcome, ApplyError> {
        check(tables, &self.user, Action::Join(&self.group))?;
        if is_member(tables, &self.group, &self.user)? {
            return Ok(JoinOutcome::WasMember);
        }
        let group = group(tables, &self.group)?;
        add(tables, &self.group, &group, &self.user, self.at)?;
        // A new member may read the earlier messages, but they are not shown as unread.
        let earlier = SequenceRange { first: Sequence(1), last: Sequence(u64::MAX) };
        mark(tables, Mark::Read, &self.user, &Address::Group(self.group.clone()), &[earlier])?;
        Ok(JoinOutcome::Joined)
    }
}

/// Ends a membership. The group and its owner stay, even without members.
#[derive(Debug, Clone)]
pub(crate) struct LeaveGroup {
    pub(crate) group: GroupName,
    pub(crate) user: UserName,
}

impl Change for LeaveGroup {
    type Outcome = ();

    fn frees_space(&self) -> bool {
        true
    }

    fn notifications(&self, (): &()) -> Vec<Notification> {
        let (group, user) = (self.group.clone(), self.user.clone());
        // The first notification makes the followers of the group check their permission again.
        vec![
            Notification::Log(Address::Group(group.clone())),
            Notification::Membership { group, user, is_member: false },
        ]
    }

    fn needs(&self) -> Needs {
        facts_needed(Needs::default(), &self.user, Action::Leave(&self.group))
            .row(Table::GroupsOfUser, keys::group_of_user(&self.user, Some(&self.group)))
    }

    fn apply(&self, tables: &mut dyn Write) -> Result<(), ApplyError> {
        check(tables, &self.user, Action::Leave(&self.group))?;
        let group = group(tables, &self.group)?;
        tables.remove(Table::Members, &keys::member(&self.group, Some(&self.user)))?;
        let key = keys::group_of_user(&self.user, Some(&self.group));
        tables.remove(Table::GroupsOfUser, &key)?;
        write(
            tables,
            &self.group,
            &GroupRecord { members: group.members.saturating_sub(1), ..group },
        )
    }
}

impl JoinOutcome {
    /// In this order: a watcher that is woken for its mailbox looks for new groups if a membership has changed.
    fn notifications(self, group: &GroupName, user: &UserName) -> Vec<Notification> {
        let (group, user) = (group.clone(), user.clone());
        let mailbox = Notification::Log(Address::User(user.clone()));
        match self {
            Self::Joined => {
                vec![Notification::Membership { group, user, is_member: true }, mailbox]
            }
            Self::WasMember => Vec::new(),
        }
    }
}

/// The rows that a new membership of a user needs, added to other needs.
fn groups_needed(needs: Needs, user: &UserName) -> Needs {
    needs.range(Range::prefix(Table::GroupsOfUser, keys::group_of_user(user, None)))
}

/// The number of groups of a user.
fn groups_of(tables: &mut dyn Read, user: &UserName) -> Result<u32, ApplyError> {
    let of_user = Range::prefix(Table::GroupsOfUser, keys::group_of_user(user, None));
    Ok(u32::try_from(tables.range(&of_user)?.len()).unwrap_or(u32::MAX))
}

fn add(
    tables: &mut dyn Write,
    name: &GroupName,
    group: &GroupRecord,
    user: &UserName,
    at: Timestamp,
) -> Result<(), ApplyError> {
    if groups_of(tables, user)? >= GROUPS_MAX {
        return Err(Refusal::TooManyGroups(GROUPS_MAX).into());
    }
    let membership = MembershipRecord { joined: at };
    rows::put(tables, Table::Members, &keys::member(name, Some(user)), &membership)?;
    let key = keys::group_of_user(user, Some(name));
    rows::put(tables, Table::GroupsOfUser, &key, &membership)?;
    write(tables, name, &GroupRecord { members: group.members.saturating_add(1), ..group.clone() })
}

fn write(tables: &mut dyn Write, name: &GroupName, group: &GroupRecord) -> Result<(), ApplyError> {
    Ok(rows::put(tables, Table::Groups, keys::name(name.as_str()), group)?)
}
