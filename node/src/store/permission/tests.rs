use qchat_proto::{Body, ClientId, MessageText, Sequence, Timestamp};

use super::*;

/// Alice and bob have accounts. Alice is a member of "lab", and of "gone", which does not exist any more.
struct FixedFacts;

impl PermissionFacts for FixedFacts {
    fn has_account(&mut self, user: &UserName) -> Result<bool, Stop> {
        Ok(["alice", "bob"].contains(&user.as_str()))
    }

    fn has_group(&mut self, group: &GroupName) -> Result<bool, Stop> {
        Ok(["lab", "ops"].contains(&group.as_str()))
    }

    fn is_member(&mut self, group: &GroupName, user: &UserName) -> Result<bool, Stop> {
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
    let permitted = permit(&mut FixedFacts, &user.parse().unwrap(), action).unwrap();
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
