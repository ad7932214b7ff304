//! Who may do what: the one place where that is decided.
//!
//! It is asked inside of the transaction that makes a change, or of the snapshot that answers a question, so
//! that nothing can come between the answer and what rests on it. What is not allowed here is refused.

use qchat_proto::{Address, GroupName, MessageId, Refusal, UserName};
use redb::ReadableTable;

use super::error::StoreError;
use super::records::{Entry, Group, Membership};
use super::rows_read::{CountedReads, Snapshot};
use super::tables::{self, Tables};

/// What somebody wants to do. Each change and each question that is not open to all users names one.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act<'a> {
    /// To read a log and its files, follow it, or mark what was read of it.
    Read(&'a Address),
    /// To send to a log.
    Write(&'a Address),
    /// To hear what became of a message, which may not exist.
    Track(&'a MessageId, Option<&'a Entry>),
    /// To become a member.
    Join(&'a GroupName),
    /// To see who the members are.
    SeeMembers(&'a GroupName),
    /// To be no member any more.
    Leave(&'a GroupName),
}

/// The facts that permission rests on, in a transaction or a snapshot.
pub(super) trait Facts {
    /// Whether there is such an account.
    fn has_account(&self, user: &UserName) -> Result<bool, StoreError>;

    /// Whether there is such a group.
    fn has_group(&self, group: &GroupName) -> Result<bool, StoreError>;

    /// Whether the user is one of its members.
    fn is_member(&self, group: &GroupName, user: &UserName) -> Result<bool, StoreError>;
}

/// Whether `user`, who is signed in, may do it. Existence is checked before membership.
///
/// # Errors
/// A fault, where the facts cannot be found out.
pub(super) fn permit(
    facts: &impl Facts,
    user: &UserName,
    act: Act<'_>,
) -> Result<Result<(), Refusal>, StoreError> {
    match act {
        Act::Read(Address::User(owner)) if owner == user => Ok(Ok(())),
        Act::Write(Address::User(receiver)) if facts.has_account(receiver)? => Ok(Ok(())),
        Act::Read(Address::User(other)) | Act::Write(Address::User(other)) => {
            Ok(Err(Refusal::UserNotFound(other.clone())))
        }
        Act::Track(id, Some(sent)) if sent.from == *user && sent.to == id.log => match &id.log {
            Address::User(_) => Ok(Ok(())),
            Address::Group(group) => in_group(facts, user, group),
        },
        // A copy in the sender's mailbox has its id elsewhere.
        Act::Track(id, _) => Ok(Err(Refusal::MessageNotFound(id.clone()))),
        Act::Join(group) if facts.has_group(group)? => Ok(Ok(())),
        Act::Read(Address::Group(group))
        | Act::Write(Address::Group(group))
        | Act::SeeMembers(group)
        | Act::Leave(group)
        | Act::Join(group) => in_group(facts, user, group),
    }
}

/// What the members of a group may do.
fn in_group(
    facts: &impl Facts,
    user: &UserName,
    group: &GroupName,
) -> Result<Result<(), Refusal>, StoreError> {
    match (facts.has_group(group)?, facts.is_member(group, user)?) {
        (true, true) => Ok(Ok(())),
        (true, false) => Ok(Err(Refusal::NotAMember(group.clone()))),
        (false, _) => Ok(Err(Refusal::GroupNotFound(group.clone()))),
    }
}

impl Facts for Tables<'_> {
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

impl Facts for Snapshot {
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
    Ok(accounts.get(tables::name(user.as_str()))?.is_some())
}

fn has_group(
    groups: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    group: &GroupName,
) -> Result<bool, StoreError> {
    let group: Option<Group> = tables::lookup(groups, tables::name(group.as_str()), "group")?;
    Ok(group.is_some())
}

fn is_member(
    members: &CountedReads<impl ReadableTable<&'static [u8], &'static [u8]>>,
    group: &GroupName,
    user: &UserName,
) -> Result<bool, StoreError> {
    let key = tables::member(group, Some(user));
    let membership: Option<Membership> = tables::lookup(members, &key, "membership")?;
    Ok(membership.is_some())
}

#[cfg(test)]
mod tests {
    use qchat_proto::{Body, ClientId, MessageText, Sequence, Timestamp};

    use super::*;

    /// Alice and bob have accounts; alice is in the lab, and in "gone", which does not exist any more.
    struct World;

    impl Facts for World {
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

    fn person(name: &str) -> Address {
        Address::User(name.parse().unwrap())
    }

    fn group(name: &str) -> Address {
        Address::Group(name.parse().unwrap())
    }

    /// The code by which it is refused, or an empty one.
    fn told(user: &str, act: Act<'_>) -> &'static str {
        let permitted = permit(&World, &user.parse().unwrap(), act).unwrap();
        permitted.err().map_or("", |refusal| refusal.code().as_str())
    }

    #[test]
    fn a_mailbox_is_its_owners_to_read_and_everybodys_to_write_to() {
        assert_eq!(told("alice", Act::Read(&person("alice"))), "");
        assert_eq!(told("alice", Act::Read(&person("bob"))), "user_not_found");
        assert_eq!(told("alice", Act::Write(&person("alice"))), "");
        assert_eq!(told("alice", Act::Write(&person("bob"))), "");
        assert_eq!(told("alice", Act::Write(&person("carol"))), "user_not_found");
    }

    #[test]
    fn a_group_is_for_its_members_and_only_where_it_exists() {
        for (name, of_alice, of_bob) in [
            ("lab", "", "not_a_member"),
            ("ops", "not_a_member", "not_a_member"),
            ("gone", "group_not_found", "group_not_found"),
            ("never", "group_not_found", "group_not_found"),
        ] {
            let (log, group) = (group(name), name.parse().unwrap());
            let acts =
                [Act::Read(&log), Act::Write(&log), Act::SeeMembers(&group), Act::Leave(&group)];
            for act in acts {
                assert_eq!(told("alice", act), of_alice, "{act:?}");
                assert_eq!(told("bob", act), of_bob, "{act:?}");
            }
        }
        assert_eq!(told("bob", Act::Join(&"lab".parse().unwrap())), "");
        assert_eq!(told("bob", Act::Join(&"never".parse().unwrap())), "group_not_found");
    }

    #[test]
    fn what_became_of_a_message_its_sender_hears_where_they_may_read() {
        let sent = |from: &str, to| Entry {
            to,
            sequence: Sequence(3),
            from: from.parse().unwrap(),
            at: Timestamp::from_milliseconds(0),
            id: ClientId([0; 16]),
            body: Body::Text(MessageText::try_from("hi".to_owned()).unwrap()),
        };
        let told = |user, log, sent: Option<Entry>| {
            told(user, Act::Track(&MessageId { log, sequence: Sequence(3) }, sent.as_ref()))
        };
        let to_bob = || person("bob");
        assert_eq!(told("alice", to_bob(), Some(sent("alice", to_bob()))), "");
        assert_eq!(told("bob", to_bob(), Some(sent("alice", to_bob()))), "message_not_found");
        assert_eq!(told("alice", to_bob(), None), "message_not_found");
        // The copy of it.
        assert_eq!(
            told("alice", person("alice"), Some(sent("alice", to_bob()))),
            "message_not_found"
        );
        assert_eq!(told("alice", group("lab"), Some(sent("alice", group("lab")))), "");
        assert_eq!(told("bob", group("lab"), Some(sent("bob", group("lab")))), "not_a_member");
    }
}
