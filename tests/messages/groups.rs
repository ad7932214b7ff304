//! Groups: their members and their messages.

use serde_json::{Value, json};

use crate::harness::{Server, items, keys, text, texts};

#[test]
fn a_group_can_be_made_joined_and_left() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    let made = alice.ok("mkgr Lab");
    assert_eq!(made, json!({"command": "mkgr", "ok": true, "group": "lab"}));
    assert_eq!(bob.ok("join lab"), json!({"command": "join", "ok": true, "group": "lab"}));
    assert_eq!(bob.ok("leave lab"), json!({"command": "leave", "ok": true, "group": "lab"}));
    assert_eq!(bob.refused("leave lab"), "not_a_member");
    assert_eq!(bob.refused("inboxgroup lab"), "not_a_member");
    assert_eq!(bob.refused("sendgroup lab hi"), "not_a_member");
    assert_eq!(bob.refused("ls_member lab"), "not_a_member");
}

#[test]
fn joining_twice_is_no_error_and_counts_once() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.lines(&["mkgr lab", "join lab"]);
    bob.lines(&["join lab", "join lab"]);
    assert_eq!(bob.ok("ls_group")["groups"][0]["members"], 2);
    assert_eq!(items(&bob.ok("ls_member lab")["members"]).len(), 2);
}

#[test]
fn the_list_of_groups_has_the_number_of_members_and_the_own_membership() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.lines(&["mkgr lab", "mkgr bus"]);
    bob.ok("join lab");
    let answer = bob.ok("ls_group");
    assert_eq!(keys(&answer), ["command", "groups", "ok"]);
    assert_eq!(
        answer["groups"],
        json!([
            {"name": "bus", "members": 1, "joined": false},
            {"name": "lab", "members": 2, "joined": true},
        ])
    );
    alice.ok("leave bus");
    assert_eq!(alice.ok("ls_group")["groups"][0]["members"], 0);
}

#[test]
fn the_list_of_members_has_the_owner_and_the_presence() {
    let server = Server::start();
    let alice = server.user("alice");
    let mut bob = server.user("bob").talk();
    let carol = server.user("carol");
    alice.ok("mkgr lab");
    bob.ok("join lab");
    carol.ok("join lab");
    let answer = bob.ok("ls_member lab");
    assert_eq!(keys(&answer), ["command", "members", "ok"]);
    assert_eq!(
        answer["members"],
        json!([
            {"name": "alice", "online": false, "owner": true},
            {"name": "bob", "online": true, "owner": false},
            {"name": "carol", "online": false, "owner": false},
        ])
    );
}

#[test]
fn a_group_message_has_the_documented_form() {
    let server = Server::start();
    let alice = server.user("alice");
    let answers = alice.lines(&["mkgr lab", "sendgroup lab hello", "inboxgroup lab"]);
    let sent = &answers[1]["message"];
    assert_eq!(keys(&answers[1]), ["command", "message", "ok"]);
    assert_eq!(keys(sent), ["at", "from", "group", "id", "text", "unread"]);
    assert_eq!(sent["group"], "lab");
    assert_eq!(sent["from"], "alice");
    assert_eq!(keys(&answers[2]), ["command", "messages", "more", "ok"]);
    let received = &answers[2]["messages"][0];
    assert_eq!(keys(received), ["at", "from", "group", "id", "text", "unread"]);
    assert_eq!(received["id"], sent["id"]);
}

#[test]
fn a_group_shows_all_messages_including_own_and_earlier_ones() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.lines(&["mkgr lab", "sendgroup lab before"]);
    bob.lines(&["join lab", "sendgroup lab after"]);
    assert_eq!(texts(&bob.ok("inboxgroup lab")), ["before", "after"]);
    assert_eq!(texts(&alice.ok("inboxgroup lab")), ["before", "after"]);
    // Messages to a group are in no inbox.
    assert_eq!(texts(&bob.ok("inbox")), Vec::<&str>::new());
}

#[test]
fn each_member_has_their_own_read_markers() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.lines(&["mkgr lab", "sendgroup lab 1"]);
    bob.lines(&["join lab", "sendgroup lab 2"]);
    alice.ok("inboxgroup lab");
    bob.ok("sendgroup lab 3");
    assert_eq!(texts(&alice.ok("inboxgroup lab --unread")), ["3"]);
    alice.ok("sendgroup lab 4");
    assert_eq!(texts(&bob.ok("inboxgroup lab --unread")), ["4"]);
    assert_eq!(texts(&bob.ok("inboxgroup lab --unread")), Vec::<&str>::new());
}

#[test]
fn messages_from_before_the_join_count_as_read() {
    let server = Server::start();
    let (alice, bob) = (server.user("alice"), server.user("bob"));
    let said: Vec<String> = (1..=30).map(|number| format!("sendgroup lab {number}")).collect();
    alice.ok("mkgr lab");
    alice.lines(&said.iter().map(String::as_str).collect::<Vec<_>>());
    bob.ok("join lab");
    alice.ok("sendgroup lab new");
    let shown = bob.ok("inboxgroup lab");
    assert_eq!((items(&shown["messages"]).len(), &shown["more"]), (20, &json!(true)));
    let unread = items(&shown["messages"]).iter().filter(|message| message["unread"] == true);
    assert_eq!(unread.map(|message| text(&message["text"])).collect::<Vec<_>>(), ["new"]);
    assert_eq!(texts(&bob.ok("inboxgroup lab --limit 31")).len(), 31, "all may be read");
    // A second join marks no message.
    alice.ok("sendgroup lab newer");
    assert_eq!(bob.ok("join lab")["ok"], true);
    assert_eq!(texts(&bob.ok("inboxgroup lab --unread")), ["newer"]);
}

#[test]
fn a_long_group_is_read_in_pages() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("mkgr lab");
    let lines: Vec<_> = (1..=30).map(|number| format!("sendgroup lab {number}")).collect();
    alice.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    bob.ok("join lab");
    let page = bob.ok("inboxgroup lab --limit 10");
    assert_eq!(texts(&page).first(), Some(&"21"));
    assert_eq!(page["more"], true);
    let id = text(&page["messages"][0]["id"]).to_owned();
    let page = bob.ok(&format!("inboxgroup lab --limit 25 --before {id}"));
    assert_eq!(texts(&page).len(), 20);
    assert_eq!(page["more"], false);
    let rest = bob.ok("inboxgroup lab");
    assert_eq!(texts(&rest), (11..=30).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[test]
fn the_id_of_a_message_names_its_log() {
    let server = Server::start();
    let alice = server.user("alice");
    let answers = alice.lines(&["mkgr lab", "sendgroup lab x", "send alice y", "inbox"]);
    let group_id = text(&answers[1]["message"]["id"]).to_owned();
    let mine = text(&answers[2]["message"]["id"]).to_owned();
    assert_ne!(group_id, mine);
    assert_ne!(alice.refused(&format!("inbox --before {group_id}")), "");
    let before = alice.ok(&format!("inboxgroup lab --before {group_id}"));
    assert_eq!(before["messages"], Value::Array(vec![]));
}

#[test]
fn a_member_who_joins_again_finds_all_messages() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.ok("mkgr lab");
    bob.lines(&["join lab", "sendgroup lab mine", "leave lab"]);
    alice.ok("sendgroup lab meanwhile");
    bob.ok("join lab");
    assert_eq!(texts(&bob.ok("inboxgroup lab")), ["mine", "meanwhile"]);
}
