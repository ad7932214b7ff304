//! The inbox: shown messages, read markers, and the history.

use serde_json::Value;

use crate::harness::{Client, Server, items, text, texts};

/// Alice, with messages 1 to `count` from bob.
fn with_messages(server: &Server, count: u32) -> (Client, Client) {
    let alice = server.user("alice");
    let bob = server.user("bob");
    let lines: Vec<_> = (1..=count).map(|number| format!("send alice {number}")).collect();
    bob.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
    (alice, bob)
}

/// The texts of messages `from` to `to`.
fn numbers(from: u32, to: u32) -> Vec<String> {
    (from..=to).map(|number| number.to_string()).collect()
}

fn unread(answer: &Value) -> usize {
    items(&answer["messages"]).iter().filter(|message| message["unread"] == true).count()
}

#[test]
fn all_unread_messages_are_shown_whatever_their_number() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 45);
    let inbox = alice.ok("inbox");
    assert_eq!(texts(&inbox), numbers(1, 45));
    assert_eq!(unread(&inbox), 45);
    assert_eq!(inbox["more"], false);
}

#[test]
fn shown_messages_are_read_and_the_last_20_are_shown_again() {
    let server = Server::start();
    let (alice, bob) = with_messages(&server, 45);
    alice.ok("inbox");
    let again = alice.ok("inbox");
    assert_eq!(texts(&again), numbers(26, 45));
    assert_eq!(unread(&again), 0);
    assert_eq!(again["more"], true);
    bob.ok("send alice 46");
    let later = alice.ok("inbox");
    assert_eq!(texts(&later), numbers(27, 46));
    assert_eq!(unread(&later), 1);
}

#[test]
fn no_message_is_ever_deleted() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 45);
    alice.lines(&["inbox", "inbox", "inbox --unread"]);
    let all = alice.ok("inbox --limit 1000");
    assert_eq!(texts(&all), numbers(1, 45));
    assert_eq!(all["more"], false);
}

#[test]
fn a_limit_leaves_the_other_messages_unread() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 30);
    let newest = alice.ok("inbox --limit 5");
    assert_eq!(texts(&newest), numbers(26, 30));
    assert_eq!(newest["more"], true);
    let rest = alice.ok("inbox");
    assert_eq!(texts(&rest), numbers(1, 30));
    assert_eq!(unread(&rest), 25);
    assert_eq!(rest["messages"][24]["unread"], true);
    assert_eq!(rest["messages"][25]["unread"], false);
}

#[test]
fn before_continues_at_the_beginning_of_the_last_page() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 30);
    let mut before = String::new();
    let mut pages = Vec::new();
    loop {
        let page = alice.ok(&format!("inbox --limit 12{before}"));
        before = format!(" --before {}", text(&page["messages"][0]["id"]));
        pages.push(texts(&page).len());
        if page["more"] == false {
            assert_eq!(texts(&page), numbers(1, 6));
            break;
        }
    }
    assert_eq!(pages, [12, 12, 6]);
}

#[test]
fn before_the_first_message_there_is_none() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 3);
    let first = text(&alice.ok("inbox")["messages"][0]["id"]).to_owned();
    let before = alice.ok(&format!("inbox --before {first}"));
    assert_eq!(texts(&before), Vec::<&str>::new());
    assert_eq!(before["more"], false);
}

#[test]
fn from_shows_one_sender_and_leaves_the_other_messages_unread() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 3);
    server.user("carol").lines(&["send alice c1", "send alice c2"]);
    assert_eq!(texts(&alice.ok("inbox --from carol")), ["c1", "c2"]);
    let rest = alice.ok("inbox --unread");
    assert_eq!(texts(&rest), ["1", "2", "3"]);
    assert_eq!(texts(&alice.ok("inbox --from BOB --limit 2")), ["2", "3"]);
}

#[test]
fn unread_shows_each_new_message_only_once() {
    let server = Server::start();
    let (alice, bob) = with_messages(&server, 3);
    assert_eq!(texts(&alice.ok("inbox --unread")), ["1", "2", "3"]);
    assert_eq!(texts(&alice.ok("inbox --unread")), Vec::<&str>::new());
    bob.ok("send alice 4");
    assert_eq!(texts(&alice.ok("inbox --unread")), ["4"]);
}

#[test]
fn gaps_of_unread_messages_are_kept() {
    let server = Server::start();
    let (alice, bob) = with_messages(&server, 2);
    alice.ok("inbox");
    bob.lines(&["send alice 3", "send alice 4", "send alice 5", "send alice 6"]);
    alice.ok("inbox --limit 1");
    bob.ok("send alice 7");
    let inbox = alice.ok("inbox --unread");
    assert_eq!(texts(&inbox), ["3", "4", "5", "7"]);
}

#[test]
fn all_devices_of_a_user_share_the_read_markers() {
    let server = Server::start();
    let (alice, _bob) = with_messages(&server, 3);
    let phone = server.client_of("alice");
    assert_eq!(texts(&phone.ok("inbox --unread")), ["1", "2", "3"]);
    assert_eq!(texts(&alice.ok("inbox --unread")), Vec::<&str>::new());
}

#[test]
fn thousands_of_messages_are_in_one_answer() {
    let server = Server::start();
    let (alice, bob) = with_messages(&server, 60);
    // More than one page of the protocol: 60 messages of 16 KiB.
    let long = "x".repeat(16 * 1024);
    let line = format!("send alice {long}");
    bob.lines(&vec![line.as_str(); 60]);
    let inbox = alice.ok("inbox");
    assert_eq!(texts(&inbox)[..60], numbers(1, 60));
    assert!(texts(&inbox)[60..].iter().all(|text| *text == long));
    assert_eq!(texts(&inbox).len(), 120);
    assert_eq!(texts(&alice.ok("inbox --unread")), Vec::<&str>::new());
}

#[test]
fn a_limit_is_a_number_and_an_id_belongs_to_this_inbox() {
    let server = Server::start();
    let alice = server.user("alice");
    for options in ["--limit 0", "--limit -1", "--limit many", "--limit", "--before x", "--colour"]
    {
        assert_eq!(alice.refused(&format!("inbox {options}")), "usage", "{options}");
    }
    assert_eq!(alice.refused("inbox --from .x"), "invalid_name");
}
