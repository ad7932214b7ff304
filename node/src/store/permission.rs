//! Permission: the only place that decides which user may read or change what.
//!
//! The check runs inside of the transaction of a change, or on the snapshot of a query, so that no other change
//! can come between the check and its use. Everything that is not allowed here is refused.

use qchat_proto::{Address, GroupName, MessageId, Refusal, UserName};

use super::interface::{Needs, Read, Stop, Table};
use super::schema::records::{GroupRecord, LogEntry, MembershipRecord};
use super::schema::{keys, rows};

/// An action that needs permission. Each change and each query that is not open to all users names one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action<'a> {
    /// Read a log and its files, follow it, or mark its messages.
    Read(&'a Address),
    /// Send to a log.
    Write(&'a Address),
    /// Get the receipt of a message, which may not exist.
    Track(&'a MessageId, Option<&'a LogEntry>),
    /// Join a group.
    Join(&'a GroupName),
    /// List the members of a group.
    SeeMembers(&'a GroupName),
    /// Leave a group.
    Leave(&'a GroupName),
}

/// The facts that permission depends on, read from a transaction or a snapshot.
pub(super) trait PermissionFacts {
    /// Whether the account exists.
    fn has_account(&mut self, user: &UserName) -> Result<bool, Stop>;

    /// Whether the group exists.
    fn has_group(&mut self, group: &GroupName) -> Result<bool, Stop>;

    /// Whether the user is a member of the group.
    fn is_member(&mut self, group: &GroupName, user: &UserName) -> Result<bool, Stop>;
}

/// Whether the signed-in `user` may do this. Existence is checked before membership.
///
/// # Errors
/// The facts cannot be read.
pub(super) fn permit(
    facts: &mut (impl PermissionFacts + ?Sized),
    user: &UserName,
    action: Action<'_>,
) -> Result<Result<(), Refusal>, Stop> {
    match action {
        Action::Read(Address::User(owner)) if owner == user => Ok(Ok(())),
        Action::Write(Address::User(receiver)) if facts.has_account(receiver)? => Ok(Ok(())),
        Action::Read(Address::User(other)) | Action::Write(Address::User(other)) => {
            Ok(Err(Refusal::UserNotFound(other.clone())))
        }
        Action::Track(id, Some(sent)) if sent.from == *user && sent.to == id.log => match &id.log {
            Address::User(_) => Ok(Ok(())),
            Address::Group(group) => in_group(facts, user, group),
        },
        // A copy in the sender's mailbox has the id of the message in the receiver's mailbox.
        Action::Track(id, _) => Ok(Err(Refusal::MessageNotFound(id.clone()))),
        Action::Join(group) if facts.has_group(group)? => Ok(Ok(())),
        Action::Read(Address::Group(group))
        | Action::Write(Address::Group(group))
        | Action::SeeMembers(group)
        | Action::Leave(group)
        | Action::Join(group) => in_group(facts, user, group),
    }
}

/// The rows that [`permit`] reads for this, added to other needs.
pub(super) fn facts_needed(needs: Needs, user: &UserName, action: Action<'_>) -> Needs {
    match action {
        Action::Write(Address::User(receiver)) => {
            needs.row(Table::Accounts, keys::name(receiver.as_str()))
        }
        Action::Read(Address::User(_)) | Action::Track(_, _) => needs,
        Action::Join(group)
        | Action::Read(Address::Group(group))
        | Action::Write(Address::Group(group))
        | Action::SeeMembers(group)
        | Action::Leave(group) => needs
            .row(Table::Groups, keys::name(group.as_str()))
            .row(Table::Members, keys::member(group, Some(user))),
    }
}

/// Allows the members of a group.
fn in_group(
    facts: &mut (impl PermissionFacts + ?Sized),
    user: &UserName,
    group: &GroupName,
) -> Result<Result<(), Refusal>, Stop> {
    match (facts.has_group(group)?, facts.is_member(group, user)?) {
        (true, true) => Ok(Ok(())),
        (true, false) => Ok(Err(Refusal::NotAMember(group.clone()))),
        (false, _) => Ok(Err(Refusal::GroupNotFound(group.clone()))),
    }
}

impl PermissionFacts for dyn Read + '_ {
    fn has_account(&mut self, user: &UserName) -> Result<bool, Stop> {
        Ok(self.get(Table::Accounts, keys::name(user.as_str()))?.is_some())
    }

    fn has_group(&mut self, group: &GroupName) -> Result<bool, Stop> {
        let key = keys::name(group.as_str());
        let group: Option<GroupRecord> = rows::find(self, Table::Groups, key, "group")?;
        Ok(group.is_some())
    }

    fn is_member(&mut self, group: &GroupName, user: &UserName) -> Result<bool, Stop> {
        is_member(self, group, user)
    }
}

/// Whether the user is a member of the group.
pub(super) fn is_member(
    tables: &mut dyn Read,
    group: &GroupName,
    user: &UserName,
) -> Result<bool, Stop> {
    let key = keys::member(group, Some(user));
    let membership: Option<MembershipRecord> =
        rows::find(tables, Table::Members, &key, "membership")?;
    Ok(membership.is_some())
}

#[cfg(test)]
mod tests;
