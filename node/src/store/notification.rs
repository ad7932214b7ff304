//! The notifications of a change, for the watchers.

use qchat_proto::{Address, GroupName, UserName};

/// The kind of data that a durable change has touched. Watchers read the current state from the store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Notification {
    /// The log has a new message, or a user gained or lost the permission to follow it.
    Log(Address),
    /// Messages of the log were delivered or read.
    Marks(Address),
    /// A user joined or left a group.
    Membership {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
        /// Whether the user is a member now.
        is_member: bool,
    },
}
