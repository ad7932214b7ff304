//! Four users with faulty networks, which lose, delay, reorder and duplicate datagrams, are silent for some
//! seconds, and change the source ports. Their programs are killed from time to time.
//!
//! `QCHAT_SEED` repeats the random choices of a run.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::{Duration, Instant};

use qchat_client::proto::ClientId;
use qchat_client::{Address, CallError, Cursor, Follower, Message, MessageId, Reconnect};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::harness::sdk::{device, follow, group, said, session, text, user};
use crate::harness::{DEADLINE, NetworkFaults, Outages, SeededRandom, Server, UdpRelay};

const USERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// The messages of each user to each other user and to the group: 2,000 together.
const SENDS: usize = 125;
const SENDS_OF_ALL: u32 = 2_000;

/// The number of messages that are acknowledged together.
const AT_A_TIME: usize = 8;

/// The last message in each log, from a user with a good network.
const END: &str = "the end";

const BAD: NetworkFaults = NetworkFaults {
    lost_percent: 5,
    duplicated_percent: 2,
    delay_milliseconds: 0..41,
    bytes_per_second: None,
    queue_bytes: u32::MAX,
    outages: Some(Outages {
        every_milliseconds: 3_000,
        milliseconds: 700..1_300,
        long_one_in: 8,
        long: Duration::from_millis(5_500),
    }),
    port_milliseconds: Some(2_000..6_000),
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_inbox_equals_the_sent_messages() {
    let begun = Instant::now();
    let users =
        timeout(3 * DEADLINE, talk(SeededRandom::of_the_run())).await.expect("an end in time");
    println!("all was sent and heard after {:?}", begun.elapsed());
    for user_task in &users {
        println!("{}: {} lives, {:?}", user_task.name, user_task.lives, user_task.relay.counters());
        let repeats: Vec<_> = user_task.outboxes.iter().map(|outbox| outbox.repeats).collect();
        println!("{}: repeated {repeats:?} times", user_task.name);
    }
    for reader in &users {
        check_heard(reader, &users);
    }
}

/// Lets all users send and receive all messages.
async fn talk(mut random: SeededRandom) -> Vec<SimulatedUser> {
    let server = Server::start();
    let host = device(&server, "host").await;
    host.make_group("lab".parse().unwrap()).await.unwrap();
    let mut users = Vec::new();
    for name in USERS {
        device(&server, name).await.join("lab".parse().unwrap()).await.unwrap();
        let relay = UdpRelay::with_faults(server.address, BAD, random.split());
        let session = session(&server, name, relay.address).await;
        users.push(SimulatedUser::new(name, session, relay, random.split()));
    }
    let sent = Arc::new(Semaphore::new(0));
    let mut talking: JoinSet<_> =
        users.into_iter().map(|user_task| user_task.live(Arc::clone(&sent))).collect();
    let all_is_sent = sent.acquire_many(SENDS_OF_ALL);
    tokio::select! {
        sent = all_is_sent => drop(sent.unwrap()),
        Some(ended) = talking.join_next() => panic!("too early: {:?}", ended.map(|user_task| user_task.name)),
    }
    for log in USERS.map(user).into_iter().chain([group("lab")]) {
        host.send(log, text(END)).await.unwrap();
    }
    talking.join_all().await
}

/// Checks that the received messages are the sent ones: each once, in the order of its sender, and with the
/// id that the sender got.
#[track_caller]
fn check_heard(reader: &SimulatedUser, users: &[SimulatedUser]) {
    let mut count = 0;
    for log in [user(reader.name), group("lab")] {
        for sender in users.iter().filter(|sender| sender.name != reader.name) {
            let sent = &sender.outboxes.iter().find(|outbox| outbox.to == log).unwrap().sent;
            let is_theirs =
                |message: &&Message| message.id.log == log && message.from.as_str() == sender.name;
            let heard = reader.heard.iter().filter(is_theirs);
            let heard: Vec<_> = heard.map(|heard| (heard.id.clone(), said(&heard.body))).collect();
            assert_eq!(heard, *sent, "{} of {} in {log:?}", reader.name, sender.name);
            assert_eq!(heard.len(), SENDS);
            count += SENDS;
        }
    }
    assert_eq!(reader.heard.len(), count + 2, "and the end of both logs");
}

/// A user, and the state that survives a kill of the program.
struct SimulatedUser {
    name: &'static str,
    session: Reconnect,
    relay: UdpRelay,
    random: SeededRandom,
    outboxes: [OutgoingLog; USERS.len()],
    cursors: Vec<Cursor>,
    heard: Vec<Message>,
    lives: usize,
}

impl SimulatedUser {
    fn new(name: &'static str, session: Reconnect, relay: UdpRelay, random: SeededRandom) -> Self {
        // A user sends to the group instead of to themselves.
        let to = USERS.map(|other| if other == name { group("lab") } else { user(other) });
        let outboxes = to.map(OutgoingLog::new);
        let (cursors, heard) = (Vec::new(), Vec::new());
        Self { name, session, relay, random, outboxes, cursors, heard, lives: 0 }
    }

    /// Sends and receives all messages, in several runs of the program.
    async fn live(mut self, sent: Arc<Semaphore>) -> Self {
        while self.ends_heard() < 2 {
            self.lives += 1;
            let follower = follow(&self.session, std::mem::take(&mut self.cursors)).await;
            let death = self.heard.len() + 100 + usize::try_from(self.random.below(400)).unwrap();
            tokio::select! {
                () = hear(&mut self.heard, death, &follower) => {}
                _ = send_all(&mut self.outboxes, &follower, &sent) => {}
            }
            self.cursors = follower.cursors();
        }
        self
    }

    fn ends_heard(&self) -> usize {
        self.heard.iter().filter(|message| is_end(message)).count()
    }
}

fn is_end(message: &Message) -> bool {
    said(&message.body) == END
}

/// Receives messages until the program is killed or the last message has arrived. Messages are acknowledged
/// in groups: unacknowledged ones are forgotten at a kill, and received again in the next run.
async fn hear(heard: &mut Vec<Message>, death: usize, follower: &Follower) {
    let mut fresh = Vec::new();
    while heard.len() + fresh.len() < death {
        let message = follower.next().await.unwrap();
        let is_last = is_end(&message) && heard.iter().chain(&fresh).any(is_end);
        fresh.push(message);
        if is_last || fresh.len() == AT_A_TIME {
            assert!(fresh.iter().all(|message| follower.acknowledge(&message.id)));
            heard.append(&mut fresh);
        }
        if is_last {
            return;
        }
    }
}

/// Sends to all logs at the same time, until the program is killed.
async fn send_all(
    outboxes: &mut [OutgoingLog; USERS.len()],
    follower: &Follower,
    sent: &Semaphore,
) -> Infallible {
    let [one, two, three, four] = outboxes;
    tokio::join!(
        one.send(follower, sent),
        two.send(follower, sent),
        three.send(follower, sent),
        four.send(follower, sent)
    );
    pending().await
}

/// The messages for one log, in order.
struct OutgoingLog {
    to: Address,
    waiting: VecDeque<(ClientId, String)>,
    sent: Vec<(MessageId, String)>,
    repeats: usize,
}

impl OutgoingLog {
    fn new(to: Address) -> Self {
        let waiting = (0..SENDS).map(|number| (ClientId::random(), number.to_string())).collect();
        Self { to, waiting, sent: Vec::new(), repeats: 0 }
    }

    /// Sends one message after the other, each with the same id until it is answered.
    async fn send(&mut self, follower: &Follower, sent: &Semaphore) {
        while let Some((id, words)) = self.waiting.front() {
            let client = follower.client().await.expect("following goes on");
            match client.with_request_id(*id).send(self.to.clone(), text(words)).await {
                Ok(message) => {
                    self.sent.push((message.id, words.clone()));
                    self.waiting.pop_front();
                    sent.add_permits(1);
                }
                Err(CallError::NotSent(_) | CallError::OutcomeUnknown(_)) => self.repeats += 1,
                Err(error) => panic!("{error}"),
            }
        }
    }
}
