//! Many concurrent clients.

use std::thread;

use crate::files::sending::{landed, noise};
use crate::harness::{Client, Server, items, text, texts};

const SENDERS: usize = 8;
const MESSAGES: usize = 25;

/// Runs one line of each client at the same time.
fn all_at_once(people: &[Client], line: impl Fn(usize, usize) -> String + Sync) {
    thread::scope(|scope| {
        for (person, client) in people.iter().enumerate() {
            let line = &line;
            scope.spawn(move || {
                let lines: Vec<_> = (0..MESSAGES).map(|number| line(person, number)).collect();
                client.lines(&lines.iter().map(String::as_str).collect::<Vec<_>>());
            });
        }
    });
}

fn people(server: &Server) -> Vec<Client> {
    (0..SENDERS).map(|number| server.user(&format!("sender{number}"))).collect()
}

/// Checks that every message of every sender is there once, in the order of its sender.
#[track_caller]
fn check_all_there(received: &[&str]) {
    assert_eq!(received.len(), SENDERS * MESSAGES);
    for sender in 0..SENDERS {
        let prefix = format!("{sender}:");
        let theirs = received.iter().filter_map(|text| text.strip_prefix(&prefix));
        let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
        assert_eq!(theirs.collect::<Vec<_>>(), expected, "sender {sender}");
    }
}

#[test]
fn many_senders_fill_one_inbox_without_a_gap() {
    let server = Server::start();
    let alice = server.user("alice");
    let senders = people(&server);
    all_at_once(&senders, |person, number| format!("send alice {person}:{number}"));
    let inbox = alice.ok("inbox");
    check_all_there(&texts(&inbox));
    let places: Vec<u64> = items(&inbox["messages"])
        .iter()
        .map(|message| text(&message["id"]).rsplit_once(':').unwrap().1.parse().unwrap())
        .collect();
    let dense: Vec<u64> = (1..).take(SENDERS * MESSAGES).collect();
    assert_eq!(places, dense);
}

#[test]
fn all_members_see_the_messages_of_a_group_in_the_same_order() {
    let server = Server::start();
    let senders = people(&server);
    senders[0].ok("mkgr lab");
    for sender in &senders[1..] {
        sender.ok("join lab");
    }
    all_at_once(&senders, |person, number| format!("sendgroup lab {person}:{number}"));
    let seen = senders[0].ok("inboxgroup lab --limit 1000");
    check_all_there(&texts(&seen));
    for sender in &senders[1..] {
        let theirs = sender.ok("inboxgroup lab --limit 1000");
        assert_eq!(texts(&theirs), texts(&seen));
    }
}

#[test]
fn two_users_can_send_to_each_other_at_the_same_time() {
    let server = Server::start();
    let people = [server.user("alice"), server.user("bob")];
    all_at_once(&people, |person, number| {
        let other = ["bob", "alice"][person];
        format!("send {other} {number}")
    });
    for person in &people {
        let expected: Vec<_> = (0..MESSAGES).map(|number| number.to_string()).collect();
        assert_eq!(texts(&person.ok("inbox")), expected);
    }
}

#[test]
fn only_one_of_many_clients_registers_a_name() {
    let server = Server::start();
    let visitors: Vec<_> = (0..4).map(|_| server.visitor()).collect();
    let made = thread::scope(|scope| {
        let tries: Vec<_> = visitors
            .iter()
            .enumerate()
            .map(|(number, visitor)| {
                scope.spawn(move || visitor.lines(&[&format!("auth_register alice p{number}")]))
            })
            .collect();
        tries.into_iter().map(|one| one.join().unwrap().remove(0)).collect::<Vec<_>>()
    });
    assert_eq!(made.iter().filter(|answer| answer["ok"] == true).count(), 1, "{made:?}");
    for answer in made.iter().filter(|answer| answer["ok"] != true) {
        assert_eq!(answer["error"]["code"], "user_exists");
    }
}

#[test]
fn all_files_with_the_same_name_and_time_arrive() {
    let server = Server::start();
    let people: Vec<_> = (0..4).map(|number| server.user(&format!("u{number}"))).collect();
    for (number, person) in people.iter().enumerate() {
        person.write("same.bin", &noise(100_000 + number));
    }
    thread::scope(|scope| {
        for person in &people {
            scope.spawn(|| person.lines(&["send_file u0 same.bin"; 5]));
        }
    });
    let inbox = people[0].ok("inbox");
    let names: Vec<_> =
        items(&inbox["messages"]).iter().map(|message| text(&message["file"]["name"])).collect();
    let mut unique = names.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 20, "{names:?}");
    assert_eq!(server.uploads(), unique);
    for message in items(&inbox["messages"]) {
        let file = &message["file"];
        let stored = server.folder().join("upload").join(text(&file["name"]));
        assert_eq!(crate::harness::hash(&stored), text(&file["blake3"]));
    }
}

#[test]
fn a_large_file_does_not_delay_a_message() {
    let server = Server::start();
    let alice = server.user("alice");
    let bob = server.user("bob");
    alice.write("film.mkv", &noise(64 * 1024 * 1024));
    let mut sending = alice.talk();
    sending.tell("send_file bob film.mkv");
    let mut talking = bob.talk();
    let mut beside = 0;
    thread::scope(|scope| {
        let film = scope.spawn(|| sending.answer());
        while !film.is_finished() {
            talking.ok("send alice meanwhile");
            beside += 1;
        }
        assert_eq!(film.join().unwrap().unwrap()["ok"], true);
    });
    assert!(beside > 1, "{beside} messages beside the film");
    let fetched = bob.ok("download_file film.mkv");
    assert_eq!(std::fs::metadata(landed(&bob, &fetched)).unwrap().len(), 64 * 1024 * 1024);
}
