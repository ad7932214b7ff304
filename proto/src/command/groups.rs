//! Groups and their members.

use serde::{Deserialize, Serialize};

use crate::bounded_vec::BoundedVec;
use crate::ids::ClientId;
use crate::limits::PAGE_ITEMS_MAX;
use crate::names::{GroupName, UserName};

/// Makes a group; see [`Request::MakeGroup`](crate::Request::MakeGroup).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MakeGroup {
    /// Makes the command repeatable.
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

/// The caller is a member of the group now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupJoined {
    /// The group.
    pub group: GroupName,
}

/// Leaves a group; see [`Request::Leave`](crate::Request::Leave).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The group.
    pub group: GroupName,
}

/// The caller is no longer a member of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupLeft {
    /// The group.
    pub group: GroupName,
}

/// Lists groups in the order of their names; see [`Request::Groups`](crate::Request::Groups).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Groups {
    /// Only names after this one, the `next` of the previous page.
    pub after: Option<GroupName>,
}

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The name of the group.
    pub name: GroupName,
    /// The number of members.
    pub members: u64,
    /// Whether the caller is a member.
    pub joined: bool,
}

/// Part of a list of groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupPage {
    /// The groups, in the order of their names.
    pub groups: BoundedVec<Group, PAGE_ITEMS_MAX>,
    /// The start of the next page, if there is one.
    pub next: Option<GroupName>,
}

/// Lists a group's members in the order of their names; see [`Request::Members`](crate::Request::Members).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// The group.
    pub group: GroupName,
    /// Only names after this one, the `next` of the previous page.
    pub after: Option<UserName>,
}

/// A member of a group in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name of the user.
    pub name: UserName,
    /// Whether the user is online.
    pub online: bool,
    /// Whether the user made the group.
    pub owner: bool,
}

/// Part of a list of members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberPage {
    /// The members, in the order of their names.
    pub members: BoundedVec<Member, PAGE_ITEMS_MAX>,
    /// The start of the next page, if there is one.
    pub next: Option<UserName>,
}
