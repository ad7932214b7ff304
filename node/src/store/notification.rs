//! What a change gives others to look at, once it is durable.

use qchat_proto::{Address, GroupName, UserName};

/// Something that has changed, for those who watch it. They look for themselves what it is now.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Notification {
    /// The log has grown, or somebody may follow it from now on, or no more.
    Log(Address),
    /// Messages of the log were delivered or read.
    Marks(Address),
    /// Somebody joined or left a group.
    Membership {
        /// The group.
        group: GroupName,
        /// Who.
        user: UserName,
        /// Whether they are a member now.
        is_member: bool,
    },
}
