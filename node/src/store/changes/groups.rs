//! Groups and their members.

use qchat_proto::command::SequenceRange;
use qchat_proto::{Address, ClientId, GroupName, Refusal, Sequence, Timestamp, UserName};

use super::receipts::{Mark, mark};
use super::{ApplyError, Change, check, earlier_effect, group, record_effect};
use crate::store::notification::Notification;
use crate::store::permission::{Act, Facts};
use crate::store::records::{Effect, Group, Membership};
use crate::store::tables::{self, Tables};

/// How many groups a user can be in: each of their devices follows all of them.
const GROUPS_MAX: u32 = 500;

/// Makes a group, whose maker is its owner and first member. Repeatable by its id.
#[derive(Debug, Clone)]
pub(crate) struct CreateGroup {
    pub(crate) id: ClientId,
    pub(crate) group: GroupName,
    pub(crate) owner: UserName,
    pub(crate) at: Timestamp,
}

impl Change for CreateGroup {
    type Outcome = Joined;

    fn notifications(&self, joined: &Joined) -> Vec<Notification> {
        joined.notifications(&self.group, &self.owner)
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<Joined, ApplyError> {
        let effect = Effect::Group(self.group.clone());
        match earlier_effect(tables, &self.owner, self.id)? {
            Some(earlier) if earlier == effect => return Ok(Joined::Before),
            Some(_) => return Err(Refusal::IdReused.into()),
            None => {}
        }
        let key = tables::name(self.group.as_str());
        if tables.groups.get(key)?.is_some() {
            return Err(Refusal::GroupExists(self.group.clone()).into());
        }
        tables.room.admit_growth()?;
        let group = Group { owner: self.owner.clone(), created: self.at, members: 0 };
        add(tables, &self.group, &group, &self.owner, self.at)?;
        record_effect(tables, &self.owner, self.id, &effect)?;
        Ok(Joined::Now)
    }
}

/// Makes a user a member. Joining twice changes nothing. Messages from before the joining count as read.
#[derive(Debug, Clone)]
pub(crate) struct JoinGroup {
    pub(crate) group: GroupName,
    pub(crate) user: UserName,
    pub(crate) at: Timestamp,
}

/// Since when somebody who joins is a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Joined {
    /// Since this change.
    Now,
    /// Since before.
    Before,
}

impl Change for JoinGroup {
    type Outcome = Joined;

    fn notifications(&self, joined: &Joined) -> Vec<Notification> {
        joined.notifications(&self.group, &self.user)
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<Joined, ApplyError> {
        check(tables, &self.user, Act::Join(&self.group))?;
        if tables.is_member(&self.group, &self.user)? {
            return Ok(Joined::Before);
        }
        let group = group(tables, &self.group)?;
        add(tables, &self.group, &group, &self.user, self.at)?;
        // A new member may read all of these, and need not.
        let earlier = SequenceRange { first: Sequence(1), last: Sequence(u64::MAX) };
        mark(tables, Mark::Read, &self.user, &Address::Group(self.group.clone()), &[earlier])?;
        Ok(Joined::Now)
    }
}

/// Ends a membership. The group stays, even without members, and so does who made it.
#[derive(Debug, Clone)]
pub(crate) struct LeaveGroup {
    pub(crate) group: GroupName,
    pub(crate) user: UserName,
}

impl Change for LeaveGroup {
    type Outcome = ();

    fn makes_room(&self) -> bool {
        true
    }

    fn notifications(&self, (): &()) -> Vec<Notification> {
        let (group, user) = (self.group.clone(), self.user.clone());
        // The first makes those who follow the group find out whether they still may.
        vec![
            Notification::Log(Address::Group(group.clone())),
            Notification::Membership { group, user, is_member: false },
        ]
    }

    fn apply(&self, tables: &mut Tables<'_>) -> Result<(), ApplyError> {
        check(tables, &self.user, Act::Leave(&self.group))?;
        let group = group(tables, &self.group)?;
        tables.members.remove(tables::member(&self.group, Some(&self.user)).as_slice())?;
        let key = tables::group_of_user(&self.user, Some(&self.group));
        tables.groups_of_user.remove(key.as_slice())?;
        write(tables, &self.group, &Group { members: group.members.saturating_sub(1), ..group })
    }
}

impl Joined {
    /// In this order: who is woken for their mailbox looks for new groups where anybody's membership has changed.
    fn notifications(self, group: &GroupName, user: &UserName) -> Vec<Notification> {
        let (group, user) = (group.clone(), user.clone());
        let mailbox = Notification::Log(Address::User(user.clone()));
        match self {
            Self::Now => vec![Notification::Membership { group, user, is_member: true }, mailbox],
            Self::Before => Vec::new(),
        }
    }
}

/// How many groups a user is in.
fn groups_of(tables: &Tables<'_>, user: &UserName) -> Result<u32, ApplyError> {
    let start = tables::group_of_user(user, None);
    let mut count = 0;
    for row in tables.groups_of_user.range(start.as_slice()..)? {
        if !row?.0.value().starts_with(&start) {
            break;
        }
        count += 1;
    }
    Ok(count)
}

fn add(
    tables: &mut Tables<'_>,
    name: &GroupName,
    group: &Group,
    user: &UserName,
    at: Timestamp,
) -> Result<(), ApplyError> {
    if groups_of(tables, user)? >= GROUPS_MAX {
        return Err(Refusal::TooManyGroups(GROUPS_MAX).into());
    }
    let membership = Membership { joined: at };
    tables::put(&mut tables.members, &tables::member(name, Some(user)), &membership)?;
    let key = tables::group_of_user(user, Some(name));
    tables::put(&mut tables.groups_of_user, &key, &membership)?;
    write(tables, name, &Group { members: group.members.saturating_add(1), ..group.clone() })
}

fn write(tables: &mut Tables<'_>, name: &GroupName, group: &Group) -> Result<(), ApplyError> {
    Ok(tables::put(&mut tables.groups, tables::name(name.as_str()), group)?)
}
