//! Groups and their members.

use qchat_proto::GroupName;
use qchat_proto::command::{Group, Groups, Join, Leave, MakeGroup, Member, Members};

use crate::client::Client;
use crate::commands::pages::read_all;
use crate::error::CallError;

impl Client {
    /// Makes a group; its maker is its owner and a member.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the group was made is unknown.
    pub async fn make_group(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.ask(MakeGroup { id: self.request_id(), group }).await?.group)
    }

    /// Joins a group. Joining twice is no error.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the user is a member now is unknown.
    pub async fn join(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.ask(Join { group }).await?.group)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: whether the user is still a member is unknown.
    pub async fn leave(&self, group: GroupName) -> Result<GroupName, CallError> {
        Ok(self.ask(Leave { group }).await?.group)
    }

    /// All groups, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn groups(&self) -> Result<Vec<Group>, CallError> {
        read_all(|after| async move {
            let page = self.ask(Groups { after }).await?;
            Ok((page.groups.into_vec(), page.next))
        })
        .await
    }

    /// A group's members, in the order of their names.
    ///
    /// # Errors
    /// [`CallError`].
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn members(&self, group: GroupName) -> Result<Vec<Member>, CallError> {
        let group = &group;
        read_all(|after| async move {
            let page = self.ask(Members { group: group.clone(), after }).await?;
            Ok((page.members.into_vec(), page.next))
        })
        .await
    }
}
