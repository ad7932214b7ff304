//! Groups and their members.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::ClientId;
use crate::limits::PAGE_ITEMS_MAX;
use crate::names::{GroupName, UserName};

/// Makes a group; see [`Request::MakeGroup`](crate::Request::MakeGroup).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeGroup {
    /// Makes it repeatable.
    pub id: ClientId,
    /// The group's name.
    pub group: GroupName,
}

/// Joins a group; see [`Request::Join`](crate::Request::Join).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// The group.
    pub group: GroupName,
}

/// The asker is a member now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupJoined {
    /// Of this group.
    pub group: GroupName,
}

/// Leaves a group; see [`Request::Leave`](crate::Request::Leave).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The group.
    pub group: GroupName,
}

/// The asker is no member any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLeft {
    /// Of this group.
    pub group: GroupName,
}

/// Lists groups in the order of their names; see [`Request::Groups`](crate::Request::Groups).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Only those after this name: the last one of the page before.
    pub after: Option<GroupName>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its name.
    pub name: GroupName,
    /// How many members it has.
    pub members: u64,
    /// Whether the asker is one of them.
    pub joined: bool,
}

/// Part of a list of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPage {
    /// In the order of their names.
    pub groups: BoundedVec<Group, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<GroupName>,
}

/// Lists a group's members in the order of their names; see [`Request::Members`](crate::Request::Members).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The group.
    pub group: GroupName,
    /// Only those after this name: the last one of the page before.
    pub after: Option<UserName>,
}

/// A member of a group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name.
    pub name: UserName,
    /// Whether the user is connected.
    pub online: bool,
    /// Whether the user made the group.
    pub owner: bool,
}

/// Part of a list of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPage {
    /// In the order of their names.
    pub members: BoundedVec<Member, PAGE_ITEMS_MAX>,
    /// Where the next page starts, if there is one.
    pub next: Option<UserName>,
}
