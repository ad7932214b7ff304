//! A server that is killed repeatedly at random moments, while users send.
//!
//! `QCHAT_KILLS` is the number of kills, and `QCHAT_SEED` repeats the random choices of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::harness::{Client, DEADLINE, SeededRandom, Server, hash, items, text};

/// The number of concurrent servers: each is idle for most of the time.
const SERVERS: u64 = 4;

const SENDERS: [&str; 3] = ["alice", "bob", "carol"];

/// The logs of the messages, and the line that shows each log to the reader.
const LOGS: [Log; 2] = [
    Log { text: "send reader", file: "send_file reader", inbox: "inbox --limit 1000000" },
    Log {
        text: "sendgroup lab",
        file: "sendgroup_file lab",
        inbox: "inboxgroup lab --limit 1000000",
    },
];

struct Log {
    text: &'static str,
    file: &'static str,
    inbox: &'static str,
}

/// A sent message or file, and its id if it was acknowledged.
struct Sent {
    log: usize,
    name: String,
    id: Option<String>,
}

#[test]
fn nothing_is_lost_or_duplicated_by_a_server_that_is_killed_200_times() {
    let kills = std::env::var("QCHAT_KILLS").map_or(200, |kills| kills.parse().unwrap());
    let mut random = SeededRandom::of_the_run();
    thread::scope(|scope| {
        for server in 0..SERVERS {
            let random = random.split();
            // All servers together are killed as often as requested.
            let kills = (kills + server) / SERVERS;
            scope.spawn(move || live(kills, random));
        }
    });
}

/// Kills one server `kills` times, and then checks all that was sent.
fn live(kills: u64, mut random: SeededRandom) {
    let server = Server::listening(&address(&mut random));
    let reader = server.user("reader");
    reader.ok("mkgr lab");
    let (server, sent) = kill_under_load(server, kills, &mut random);
    for (number, log) in LOGS.iter().enumerate() {
        let answer = reader.ok(log.inbox);
        check_messages(items(&answer["messages"]), number, &sent);
        check_files(items(&answer["messages"]), &server);
    }
    let sent = sent.iter().flatten();
    let acknowledged = sent.clone().filter(|sent| sent.id.is_some()).count();
    println!("{kills} kills: {} sent, {acknowledged} acknowledged", sent.count());
}

/// Kills and restarts a server while users send, and returns the sent messages of each user.
fn kill_under_load(
    mut server: Server,
    kills: u64,
    random: &mut SeededRandom,
) -> (Server, [Vec<Sent>; SENDERS.len()]) {
    let answers = &Answers::default();
    let people = SENDERS.map(|name| {
        let client = server.user(name);
        client.ok("join lab");
        Sender { name, client, random: random.split(), answers }
    });
    thread::scope(|scope| {
        let senders = people.map(|sender| scope.spawn(move || sender.run()));
        let end = EndOnDrop(answers);
        for _ in 0..kills {
            answers.wait_for(random.below(30));
            // Some kills come right after an answer, others during the next writes or on their way.
            thread::sleep(Duration::from_micros(random.below(5_000)));
            server = server.kill9().start();
        }
        drop(end);
        (server, senders.map(|sender| sender.join().unwrap()))
    })
}

/// A free address whose port is below the ephemeral ports, so that no client gets it while the server is
/// down.
pub(crate) fn address(random: &mut SeededRandom) -> String {
    loop {
        let address = format!("127.0.0.1:{}", 10_000 + random.below(20_000));
        if UdpSocket::bind(&address).is_ok() {
            return address;
        }
    }
}

/// The shared state of the senders and of the thread that kills the server.
#[derive(Default)]
struct Answers {
    /// The number of answers since the last kill.
    count: Mutex<u64>,
    changed: Condvar,
    are_enough: AtomicBool,
}

impl Answers {
    fn add(&self) {
        *self.count.lock().unwrap() += 1;
        self.changed.notify_all();
    }

    #[track_caller]
    fn wait_for(&self, wanted: u64) {
        let count = self.count.lock().unwrap();
        let few = |count: &mut u64| *count < wanted;
        let (mut count, waited) = self.changed.wait_timeout_while(count, DEADLINE, few).unwrap();
        assert!(!waited.timed_out(), "{count} of {wanted} answers in {DEADLINE:?}");
        *count = 0;
    }
}

/// Ends the sending, also after a failed check.
struct EndOnDrop<'a>(&'a Answers);

impl Drop for EndOnDrop<'_> {
    fn drop(&mut self) {
        self.0.are_enough.store(true, Ordering::SeqCst);
    }
}

/// A user that sends line after line.
struct Sender<'a> {
    name: &'static str,
    client: Client,
    random: SeededRandom,
    answers: &'a Answers,
}

impl Sender<'_> {
    /// Sends until the end. The client usually stays when the server is killed, and sometimes ends itself.
    fn run(mut self) -> Vec<Sent> {
        let mut sent = Vec::new();
        let mut talk = self.client.talk();
        while !self.answers.are_enough.load(Ordering::SeqCst) {
            let log = usize::from(self.random.below(2) == 0);
            let name = format!("{}.{}", self.name, sent.len());
            talk.tell(&self.line(&LOGS[log], &name));
            let dies = self.random.below(50) == 0;
            if dies {
                talk.kill();
            }
            let answer = talk.answer();
            assert!(dies || answer.is_some(), "the client of {name} ended by itself");
            if dies {
                talk = self.client.talk();
            }
            let id = answer.and_then(|answer| Some(answer["message"]["id"].as_str()?.to_owned()));
            sent.push(Sent { log, name, id });
            self.answers.add();
        }
        sent
    }

    fn line(&mut self, log: &Log, name: &str) -> String {
        if self.random.below(10) > 0 {
            return format!("{} {name}", log.text);
        }
        self.client.write(name, &content(name));
        format!("{} {name}", log.file)
    }
}

/// The bytes of the file with this name.
fn content(name: &str) -> Vec<u8> {
    name.repeat(2_000).into_bytes()
}

/// The text of a message, or the original name of its file.
#[track_caller]
fn name_of(message: &Value) -> &str {
    let file = &message["file"];
    text(if file.is_null() { &message["text"] } else { &file["original"] })
}

/// Checks that every message is there once. All acknowledged messages of a sender are there, in order and
/// with their ids, and no message is there that nobody sent.
#[track_caller]
fn check_messages(messages: &[Value], log: usize, sent: &[Vec<Sent>; SENDERS.len()]) {
    let mut once = BTreeSet::new();
    for message in messages {
        assert!(once.insert(name_of(message)), "doubled: {message}");
    }
    for (sender, sent) in SENDERS.iter().zip(sent) {
        let here = sent.iter().filter(|sent| sent.log == log);
        let ids: BTreeMap<_, _> = here.clone().map(|sent| (sent.name.as_str(), &sent.id)).collect();
        let theirs = messages.iter().filter(|message| message["from"] == *sender);
        // A message without an answer may be there or not.
        let kept = theirs.map(|message| (name_of(message), text(&message["id"])));
        let kept: Vec<_> = kept.filter(|(name, _)| ids[name].is_some()).collect();
        let said = here.filter_map(|sent| Some((sent.name.as_str(), sent.id.as_deref()?)));
        let said: Vec<_> = said.collect();
        let lost: Vec<_> = said.iter().filter(|message| !kept.contains(message)).collect();
        assert!(lost.is_empty(), "lost of what {sender} sent: {lost:?}");
        assert_eq!(kept, said, "the order in which {sender} sent");
    }
}

/// Checks that the file of every message is there and complete.
#[track_caller]
fn check_files(messages: &[Value], server: &Server) {
    for message in messages.iter().filter(|message| !message["file"].is_null()) {
        let file = &message["file"];
        let stored = server.folder().join("upload").join(text(&file["name"]));
        let expected = blake3::hash(&content(name_of(message))).to_hex();
        assert_eq!(text(&file["blake3"]), expected.as_str(), "{message}");
        assert_eq!(hash(&stored), expected.as_str(), "{message}");
    }
}
