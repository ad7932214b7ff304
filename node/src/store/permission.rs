//! Permission: the only place that decides which user may read or change what.
//!
//! The check runs inside of the transaction of a change, or on the snapshot of a query, so that no other change
//! can come between the check and its use. Everything that is not allowed here is refused.

use qchat_proto::{Address, GroupName, MessageId, Refusal, UserName};
use redb::ReadableTable;

use super::error::StoreError;
use super::schema::keys;
use super::schema::records::{GroupRecord, LogEntry, MembershipRecord};
use super::schema::rows_read::{CountedReads, Snapshot};
use super::schema::tables::{self, Tables};

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
    fn has_account(&self, user: &UserName) -> Result<bool, StoreError>;

    /// Whether the group exists.
    fn has_group(&self, group: &GroupName) -> Result<bool, StoreError>;

    /// Whether the user is a member of the group.
    fn is_member(&self, group: &GroupName, user: &UserName) -> Result<bool, StoreError>;
}

/// Whether the signed-in `user` may do this. Existence is checked before membership.
///
/// # Errors
/// The facts cannot be read.
pub(super) fn permit(
    facts: &impl PermissionFacts,
    user: &UserName,
    action: Action<'_>,
) -> Result<Result<(), Refusal>, StoreError> {
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

/// Allows the members of a group.
fn in_group(
    facts: &impl PermissionFacts,
    user: &UserName,
    group: &GroupName,
) -> Result<Result<(), Refusal>, StoreError> {
    match (facts.has_group(group)?, facts.is_member(group, user)?) {
        (true, true) => Ok(Ok(())),
        (true, false) => Ok(Err(Refusal::NotAMember(group.clone()))),
        (false, _) => Ok(Err(Refusal::GroupNotFound(group.clone()))),
    }
}

impl PermissionFacts for Tables<'_> {
    fn has_account(&self, user: &UserName) -> Result<bool, StoreError> {
        has_account(&self.accounts, user)
    }

    fn has_group(&self, group: &GroupName) -> Result<bool, StoreError> {
        has_group(&self.groups, group)
    }

    fn is_member(&self, group: &GroupName, user: &UserName) -> Result<bool, StoreError> {
        is_member(&self.members, group, user)
    }
}

impl PermissionFacts for Snapshot {
    fn has_account(&self, user: &UserName) -> Result<bool, StoreError> {
        has_account(&self.open_table(tables::ACCOUNTS)?, user)
    }

    fn has_group(&self, group: &GroupName) -> Result<bool, StoreError> {
        has_group(&self.open_table(tables::GROUPS)?, group)
    }

    fn is_member(&self, group: &GroupName, user: &UserName) -> Result<bool, StoreError> {
        is_member(&self.open_table(tables::MEMBERS)?, group, user)
    }
}

fn has_account(
    accounts: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    user: &UserName,
) -> Result<bool, StoreError> {
    Ok(accounts.get(keys::name(user.as_str()))?.is_some())
}

fn has_group(
    groups: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    group: &GroupName,
) -> Result<bool, StoreError> {
    let group: Option<GroupRecord> = tables::lookup(groups, keys::name(group.as_str()), "group")?;
    Ok(group.is_some())
}

fn is_member(
    members: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    group: &GroupName,
    user: &UserName,
) -> Result<bool, StoreError> {
    let key = keys::member(group, Some(user));
    let membership: Option<MembershipRecord> = tables::lookup(members, &key, "membership")?;
    Ok(membership.is_some())
}

#[cfg(test)]
mod tests {
    use qchat_proto::{Body, ClientId, MessageText, Sequence, Timestamp};

    use super::*;

    /// Alice and bob have accounts. Alice is a member of "lab", and of "gone", which does not exist any more.
    struct FixedFacts;

    impl PermissionFacts for FixedFacts {
        fn has_account(&self, user: &UserName) -> Result<bool, StoreError> {
            Ok(["alice", "bob"].contains(&user.as_str()))
        }

        fn has_group(&self, group: &GroupName) -> Result<bool, StoreError> {
            Ok(["lab", "ops"].contains(&group.as_str()))
        }

        fn is_member(&self, group: &GroupName, user: &UserName) -> Result<bool, StoreError> {
            Ok(["lab", "gone"].contains(&group.as_str()) && user.as_str() == "alice")
        }
    }

    fn mailbox(name: &str) -> Address {
        Address::User(name.parse().unwrap())
    }

    fn group(name: &str) -> Address {
        Address::Group(name.parse().unwrap())
    }

    /// The code of the refusal, or an empty string if the action is allowed.
    fn code(user: &str, action: Action<'_>) -> &'static str {
        let permitted = permit(&FixedFacts, &user.parse().unwrap(), action).unwrap();
        permitted.err().map_or("", |refusal| refusal.code().as_str())
    }

    #[test]
    fn only_its_owner_reads_a_mailbox_and_everybody_writes_to_it() {
        assert_eq!(code("alice", Action::Read(&mailbox("alice"))), "");
        assert_eq!(code("alice", Action::Read(&mailbox("bob"))), "user_not_found");
        assert_eq!(code("alice", Action::Write(&mailbox("alice"))), "");
        assert_eq!(code("alice", Action::Write(&mailbox("bob"))), "");
        assert_eq!(code("alice", Action::Write(&mailbox("carol"))), "user_not_found");
    }

    #[test]
    fn only_members_use_a_group_and_only_while_it_exists() {
        for (name, of_alice, of_bob) in [
            ("lab", "", "not_a_member"),
            ("ops", "not_a_member", "not_a_member"),
            ("gone", "group_not_found", "group_not_found"),
            ("never", "group_not_found", "group_not_found"),
        ] {
            let (log, group) = (group(name), name.parse().unwrap());
            let actions = [
                Action::Read(&log),
                Action::Write(&log),
                Action::SeeMembers(&group),
                Action::Leave(&group),
            ];
            for action in actions {
                assert_eq!(code("alice", action), of_alice, "{action:?}");
                assert_eq!(code("bob", action), of_bob, "{action:?}");
            }
        }
        assert_eq!(code("bob", Action::Join(&"lab".parse().unwrap())), "");
        assert_eq!(code("bob", Action::Join(&"never".parse().unwrap())), "group_not_found");
    }

    #[test]
    fn only_the_sender_gets_the_receipt_of_a_message_and_only_while_they_may_read_it() {
        let sent = |from: &str, to| LogEntry {
            to,
            sequence: Sequence(3),
            from: from.parse().unwrap(),
            at: Timestamp::from_milliseconds(0),
            id: ClientId([0; 16]),
            body: Body::Text(MessageText::try_from("hi".to_owned()).unwrap()),
        };
        let tracked = |user, log, sent: Option<LogEntry>| {
            code(user, Action::Track(&MessageId { log, sequence: Sequence(3) }, sent.as_ref()))
        };
        let to_bob = || mailbox("bob");
        assert_eq!(tracked("alice", to_bob(), Some(sent("alice", to_bob()))), "");
        assert_eq!(tracked("bob", to_bob(), Some(sent("alice", to_bob()))), "message_not_found");
        assert_eq!(tracked("alice", to_bob(), None), "message_not_found");
        // The sender's copy.
        assert_eq!(
            tracked("alice", mailbox("alice"), Some(sent("alice", to_bob()))),
            "message_not_found"
        );
        assert_eq!(tracked("alice", group("lab"), Some(sent("alice", group("lab")))), "");
        assert_eq!(tracked("bob", group("lab"), Some(sent("bob", group("lab")))), "not_a_member");
    }
}
