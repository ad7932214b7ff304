//! Watching: every message once, in order, on every device, through lost connections.

use std::collections::BTreeMap;
use std::time::Duration;

use qchat_client::{
    CallError, Code, Cursor, Event, Log, Message, Receipt, Sequence, Stage, Tracking, Watching,
};
use tokio::time::timeout;

use crate::harness::sdk::{catch_up, device, group, message, next, text, user};
use crate::harness::{DEADLINE, Server};

#[tokio::test]
async fn a_message_arrives_on_every_device_without_a_query() {
    let server = Server::start();
    let (phone, laptop) = (device(&server, "bob").await, device(&server, "bob").await);
    let alice = device(&server, "alice").await;
    let mut watchings = Vec::new();
    for device in [&phone, &laptop] {
        let mut watching = device.watch(Vec::new()).await.unwrap();
        catch_up(&mut watching).await;
        watchings.push(watching);
    }
    alice.send(user("bob"), text("hi")).await.unwrap();
    laptop.send(user("alice"), text("from the laptop")).await.unwrap();
    for watching in &mut watchings {
        assert_eq!(message(watching).await, "hi");
        assert_eq!(message(watching).await, "from the laptop");
    }
}

#[tokio::test]
async fn watching_continues_at_its_position_after_a_kill_of_the_server() {
    let server = Server::start();
    let (bob, alice) = (device(&server, "bob").await, device(&server, "alice").await);
    alice.make_group("lab".parse().unwrap()).await.unwrap();
    bob.join("lab".parse().unwrap()).await.unwrap();
    let mut watching = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    alice.send(user("bob"), text("before")).await.unwrap();
    assert_eq!(message(&mut watching).await, "before");
    let cursors = watching.cursors();
    alice.send(user("bob"), text("told and forgotten")).await.unwrap();
    alice.send(group("lab"), text("to all")).await.unwrap();
    let server = server.kill9().start();
    assert!(next_failure(&mut watching).await);
    let alice = device(&server, "alice").await;
    alice.send(group("lab"), text("after")).await.unwrap();
    let bob = device(&server, "bob").await;
    let mut watching = bob.watch(cursors).await.unwrap();
    let mut told = catch_up(&mut watching).await;
    told.sort();
    assert_eq!(told, ["after", "to all", "told and forgotten"]);
}

/// Whether watching ends with an error, after any number of events.
async fn next_failure(watching: &mut Watching) -> bool {
    while let Ok(event) = next(watching).await {
        assert!(!matches!(event, Event::CaughtUp));
    }
    true
}

#[tokio::test]
async fn no_message_is_lost_between_catching_up_and_following() {
    const SENDS: usize = 200;
    let server = Server::start();
    let (bob, alice) = (device(&server, "bob").await, device(&server, "alice").await);
    let mut early = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut early).await;
    let start = early.cursors();
    let sending = tokio::spawn(async move {
        for number in 0..SENDS {
            alice.send(user("bob"), text(&number.to_string())).await.unwrap();
        }
    });
    // Each of these begins to watch while messages arrive.
    let mut all = vec![early];
    for _ in 0..8 {
        all.push(bob.watch(start.clone()).await.unwrap());
    }
    for watching in &mut all {
        for number in 0..SENDS {
            assert_eq!(message(watching).await, number.to_string());
        }
    }
    sending.await.unwrap();
}

#[tokio::test]
async fn a_group_that_is_joined_on_one_device_is_followed_on_the_other() {
    let server = Server::start();
    let (phone, laptop) = (device(&server, "bob").await, device(&server, "bob").await);
    let alice = device(&server, "alice").await;
    alice.make_group("lab".parse().unwrap()).await.unwrap();
    alice.send(group("lab"), text("history")).await.unwrap();
    let mut watching = phone.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    laptop.join("lab".parse().unwrap()).await.unwrap();
    while !matches!(next(&mut watching).await.unwrap(), Event::Following(cursor) if cursor.log == Log::Group("lab".parse().unwrap()))
    {
    }
    alice.send(group("lab"), text("welcome")).await.unwrap();
    assert_eq!(message(&mut watching).await, "welcome");
    laptop.leave("lab".parse().unwrap()).await.unwrap();
    while !matches!(next(&mut watching).await.unwrap(), Event::Left(_)) {}
    alice.send(group("lab"), text("among us")).await.unwrap();
    alice.send(user("bob"), text("bye")).await.unwrap();
    assert_eq!(message(&mut watching).await, "bye");
}

#[tokio::test]
async fn presence_changes_are_sent() {
    let server = Server::start();
    let bob = device(&server, "bob").await;
    let mut watching = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    let alice = device(&server, "alice").await;
    alice.logout().await.unwrap();
    let mut seen = BTreeMap::new();
    while seen.get("alice") != Some(&false) {
        if let Event::Presence { user, online } = next(&mut watching).await.unwrap() {
            seen.insert(user.to_string(), online);
        }
    }
}

#[tokio::test]
async fn a_member_gets_no_joins_from_before_their_own() {
    let server = Server::start();
    let (alice, bob) = (device(&server, "alice").await, device(&server, "bob").await);
    let carol = device(&server, "carol").await;
    let mut watching = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    for name in ["a", "b"] {
        alice.make_group(name.parse().unwrap()).await.unwrap();
        bob.join(name.parse().unwrap()).await.unwrap();
    }
    carol.join("b".parse().unwrap()).await.unwrap();
    carol.join("a".parse().unwrap()).await.unwrap();
    let mut told = Vec::new();
    while told.len() < 2 || told.last() != Some(&"carol joined a".to_owned()) {
        if let Event::Membership { group, user, is_member: true } =
            next(&mut watching).await.unwrap()
        {
            told.push(format!("{user} joined {group}"));
        }
    }
    assert_eq!(told, ["carol joined b", "carol joined a"]);
}

#[tokio::test]
async fn only_members_get_the_joins_and_leaves_of_others() {
    let server = Server::start();
    let (alice, bob) = (device(&server, "alice").await, device(&server, "bob").await);
    let carol = device(&server, "carol").await;
    alice.make_group("lab".parse().unwrap()).await.unwrap();
    carol.make_group("attic".parse().unwrap()).await.unwrap();
    let mut watchings = Vec::new();
    for device in [&alice, &carol] {
        let mut watching = device.watch(Vec::new()).await.unwrap();
        catch_up(&mut watching).await;
        watchings.push(watching);
    }
    for group in ["lab", "lab", "attic"] {
        bob.join(group.parse().unwrap()).await.unwrap();
    }
    bob.leave("lab".parse().unwrap()).await.unwrap();
    bob.leave("attic".parse().unwrap()).await.unwrap();
    for (watching, group) in watchings.iter_mut().zip(["lab", "attic"]) {
        let (told, is_member) = membership(watching).await;
        assert_eq!(told, format!("bob {group}"));
        // A join and a leave may be merged.
        if is_member {
            assert_eq!(membership(watching).await, (told, false));
        }
    }
}

/// The next join or leave, without the other events.
async fn membership(watching: &mut Watching) -> (String, bool) {
    loop {
        if let Event::Membership { group, user, is_member } = next(watching).await.unwrap() {
            return (format!("{user} {group}"), is_member);
        }
    }
}

#[tokio::test]
async fn a_sender_gets_the_delivery_and_the_reading_of_a_message() {
    let server = Server::start();
    let (bob, alice) = (device(&server, "bob").await, device(&server, "alice").await);
    let sent = alice.send(user("bob"), text("hi")).await.unwrap();
    let mut tracking = alice.track(sent.id.clone()).await.unwrap();
    assert_eq!(receipt(&mut tracking).await, (1, 0, 0));
    let start = vec![Cursor { log: Log::Inbox, after: Sequence(0) }];
    let mut watching = bob.watch(start).await.unwrap();
    assert_eq!(message(&mut watching).await, "hi");
    assert_eq!(receipt(&mut tracking).await, (1, 1, 0));
    bob.mark_read(Log::Inbox, &[Message { unread: true, ..sent.clone() }]).await.unwrap();
    assert_eq!(receipt(&mut tracking).await, (1, 1, 1));
    let mut late = alice.track(sent.id.clone()).await.unwrap();
    assert_eq!(late.reached(Stage::Read).await.unwrap().read, 1);
    // A user gets no receipt of another user's message.
    for id in [sent.id.to_string(), "@alice:1".to_owned(), "@alice:0".to_owned()] {
        let refused = bob.track(id.parse().unwrap()).await.unwrap().next().await;
        let Err(CallError::Refused(refusal)) = refused else { panic!("{id}: {refused:?}") };
        assert_eq!(refusal.code(), Code::MessageNotFound);
    }
}

#[tokio::test]
async fn a_group_message_is_read_once_all_other_members_have_read_it() {
    let server = Server::start();
    let (bob, alice) = (device(&server, "bob").await, device(&server, "alice").await);
    let carol = device(&server, "carol").await;
    alice.make_group("lab".parse().unwrap()).await.unwrap();
    for member in [&bob, &carol] {
        member.join("lab".parse().unwrap()).await.unwrap();
    }
    let sent = alice.send(group("lab"), text("hi")).await.unwrap();
    let mut tracking = alice.track(sent.id.clone()).await.unwrap();
    assert_eq!(receipt(&mut tracking).await, (2, 0, 0));
    let log = Log::Group("lab".parse().unwrap());
    bob.mark_read(log, &[Message { unread: true, ..sent.clone() }]).await.unwrap();
    assert_eq!(receipt(&mut tracking).await, (2, 1, 1));
    // A member who has left is not counted any more.
    carol.leave("lab".parse().unwrap()).await.unwrap();
    assert_eq!(receipt(&mut tracking).await, (1, 1, 1));
    bob.leave("lab".parse().unwrap()).await.unwrap();
    let refused = bob.track(sent.id).await.unwrap().next().await;
    assert!(matches!(refused, Err(CallError::Refused(_))), "{refused:?}");
}

/// The next receipt: the numbers of receivers, deliveries and readings.
async fn receipt(tracking: &mut Tracking) -> (u64, u64, u64) {
    let next = timeout(DEADLINE, tracking.next()).await.expect("a receipt in time");
    let Receipt { receivers, delivered, read } = next.unwrap();
    (receivers, delivered, read)
}

#[tokio::test]
async fn watching_ends_with_its_session() {
    let server = Server::start();
    let bob = device(&server, "bob").await;
    let mut watching = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    bob.logout().await.unwrap();
    assert!(matches!(next(&mut watching).await, Err(CallError::Refused(_))));
    let refused = bob.watch(Vec::new()).await.unwrap().next().await;
    assert!(matches!(refused, Err(CallError::Refused(_))));
}

#[tokio::test]
async fn a_watcher_that_stops_reading_delays_nobody() {
    const SENDS: usize = 2_000;
    let server = Server::start();
    let (bob, alice) = (device(&server, "bob").await, device(&server, "alice").await);
    let mut deaf = bob.watch(Vec::new()).await.unwrap();
    catch_up(&mut deaf).await;
    let other = device(&server, "bob").await;
    let mut watching = other.watch(Vec::new()).await.unwrap();
    catch_up(&mut watching).await;
    let long = "x".repeat(16 * 1024);
    for number in 0..SENDS / 64 {
        let sends: Vec<_> = (0..64)
            .map(|_| {
                let (alice, long) = (alice.clone(), long.clone());
                tokio::spawn(async move { alice.send(user("bob"), text(&long)).await.unwrap() })
            })
            .collect();
        for sent in sends {
            timeout(DEADLINE, sent).await.unwrap_or_else(|_| panic!("batch {number}")).unwrap();
        }
    }
    for _ in 0..SENDS / 64 * 64 {
        assert_eq!(message(&mut watching).await.len(), long.len());
    }
    // A watcher that reads again gets all messages.
    for _ in 0..SENDS / 64 * 64 {
        assert_eq!(message(&mut deaf).await.len(), long.len());
    }
    assert!(timeout(Duration::from_millis(50), deaf.next()).await.is_err());
}
