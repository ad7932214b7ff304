//! 48 clients that work at once, the readers of their messages, and the look at the whole at the end.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use qchat_client::{
    Body, Client, HistoryQuery, Log, Message, Password, Reconnect, ReconnectingClient, Selection,
    Trust,
};
use tokio::task::JoinHandle;

use super::answer_times::AnswerTimes;
use super::checker::{Diary, Entry, World, violations};
use super::person::{Person, Shared};
use super::watcher::Watcher;
use crate::harness::{PASSWORD, SeededRandom, in_time, sdk};

const CLIENTS: usize = 48;

/// The users who never send, so that each number of their mailboxes is known.
pub(crate) const READERS: u64 = 8;

/// The groups that clients join, leave and write to.
pub(crate) const GROUPS: u64 = 12;

/// Those of the readers who are members of all groups, and can be told each message.
const WATCHERS: u64 = 3;

/// The way to the servers.
#[derive(Clone)]
pub(crate) struct Servers {
    /// The `--server` value of a client.
    pub(crate) addresses: String,
    pub(crate) fingerprint: String,
}

pub(crate) struct Load {
    sessions: Vec<Reconnect>,
    shared: Arc<Shared>,
    people: Vec<JoinHandle<Diary>>,
    watchers: Vec<Watcher>,
}

impl Servers {
    fn trust(&self) -> Trust {
        Trust::Fingerprint(self.fingerprint.parse().unwrap())
    }

    /// Makes an account, and signs in to it.
    async fn sign_in(&self, name: &str) -> (Client, Reconnect) {
        let (server, trust) = (self.addresses.parse().unwrap(), self.trust());
        let client = in_time(Client::connect(&server, trust.clone())).await.unwrap();
        let password = || Password::try_from(PASSWORD.to_owned()).unwrap();
        in_time(client.register(name.parse().unwrap(), password())).await.unwrap();
        let token = in_time(client.login(name.parse().unwrap(), password())).await.unwrap();
        (client, Reconnect { server, trust, token })
    }
}

fn group_names() -> impl Iterator<Item = String> {
    (0..GROUPS).map(|number| format!("group{number}"))
}

impl Load {
    pub(crate) async fn start(servers: &Servers, random: &mut SeededRandom) -> Self {
        let [answers, fulls] = [AnswerTimes::new(), AnswerTimes::new()];
        let (are_enough, makings) = (AtomicBool::new(false), AtomicU64::new(0));
        let shared = Arc::new(Shared { answers, fulls, are_enough, makings });
        let mut sessions = Vec::new();
        for number in 0..READERS {
            let name = format!("reader{number}");
            let (client, session) = servers.sign_in(&name).await;
            if number < WATCHERS {
                for group in group_names() {
                    // The first one makes them.
                    let _ = in_time(client.make_group(group.parse().unwrap())).await;
                    in_time(client.join(group.parse().unwrap())).await.unwrap();
                }
            }
            sessions.push(session);
        }
        let mut people = Vec::new();
        for (number, (client, session)) in sign_in_all(servers).await.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            people.push(tokio::spawn(work(number, client, session, random.split(), shared)));
        }
        Self { sessions, people, shared, watchers: Vec::new() }
    }

    /// Lets some of the readers be told each message as it comes.
    pub(crate) async fn watch(&mut self) {
        for (number, session) in (0..WATCHERS).zip(&self.sessions) {
            let Reconnect { server, trust, token } = session.clone();
            let client = in_time(ReconnectingClient::new(server, trust).signed_in(&token)).await;
            let name = format!("reader{number}");
            self.watchers.push(Watcher::start(&name, client.unwrap(), session.clone()));
        }
    }

    /// Waits until so many more things were answered.
    pub(crate) async fn answers(&self, wanted: usize) {
        self.shared.answers.more(wanted).await;
    }

    /// Waits until clients are told that a disk is full, or are served all the same.
    pub(crate) async fn full_or_answers(&self, wanted: usize) {
        tokio::select! {
            () = self.shared.fulls.more(1) => {}
            () = self.shared.answers.more(wanted) => {}
        }
    }

    /// Tells how long clients waited for an answer since a fault.
    pub(crate) fn print_waits(&self, what: &str, fault: Instant) {
        let waits = self.shared.answers.waits(fault, CLIENTS);
        let at = |share: usize| waits.get((waits.len() * share / 100).min(waits.len() - 1));
        println!("{what}: longest wait p50 {:.1?}, p99 {:.1?}", at(50).unwrap(), at(99).unwrap());
    }

    /// Ends the work, and returns a sentence for each broken promise.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.shared.are_enough.store(true, Ordering::Relaxed);
        let mut diaries = readers();
        for person in self.people {
            diaries.push(in_time(person).await.unwrap());
        }
        let (world, mut found) = look(&self.sessions).await;
        found.extend(violations(&diaries, &world));
        for watcher in self.watchers {
            found.extend(watcher.violations(&world.logs).await);
        }
        let messages: usize = world.logs.values().map(Vec::len).sum();
        let attempts: usize = diaries.iter().map(|diary| diary.attempts.len()).sum();
        println!("{attempts} sent, {messages} stored, {} groups", world.groups.len());
        // A run in which little happened would show little.
        assert!(messages > 100 && world.groups.len() > GROUPS.try_into().unwrap());
        found
    }
}

/// Signs all clients in, before the first fault.
async fn sign_in_all(servers: &Servers) -> Vec<(Client, Reconnect)> {
    let sign_in = |number| {
        let servers = servers.clone();
        tokio::spawn(async move { servers.sign_in(&format!("client{number}")).await })
    };
    let mut signed_in = Vec::new();
    for client in (0..CLIENTS).map(sign_in).collect::<Vec<_>>() {
        signed_in.push(client.await.unwrap());
    }
    signed_in
}

async fn work(
    number: usize,
    client: Client,
    session: Reconnect,
    random: SeededRandom,
    shared: Arc<Shared>,
) -> Diary {
    let connection = ReconnectingClient::new(session.server, session.trust).with_client(client);
    let diary = Diary { user: format!("client{number}"), ..Diary::default() };
    let (token, folder) = (session.token, tempfile::tempdir().unwrap());
    Person { number, connection, token, random, shared, diary, folder }.work().await
}

/// The readers have sent nothing, and stay in their groups.
fn readers() -> Vec<Diary> {
    let reader = |number| {
        let joined = if number < WATCHERS { group_names().collect() } else { BTreeSet::new() };
        Diary { user: format!("reader{number}"), joined, ..Diary::default() }
    };
    (0..READERS).map(reader).collect()
}

/// Reads everything. Each file is fetched, and a sentence returned if that fails.
async fn look(sessions: &[Reconnect]) -> (World, Vec<String>) {
    let (mut world, mut found) = (World::default(), Vec::new());
    for (number, session) in sessions.iter().enumerate() {
        let mut connection = ReconnectingClient::new(session.server.clone(), session.trust.clone());
        let client = in_time(connection.signed_in(&session.token)).await.unwrap();
        let (inbox, log) = (Log::Inbox, format!("@reader{number}"));
        world.logs.insert(log, read(&client, inbox, &mut found).await);
        if number > 0 {
            continue;
        }
        for group in group_names() {
            let name = || group.parse().unwrap();
            let entries = read(&client, Log::Group(name()), &mut found).await;
            world.logs.insert(format!("+{group}"), entries);
            let members = in_time(client.members(name())).await.unwrap().into_iter();
            let members = members.map(|member| member.name.to_string()).collect();
            world.members.insert(group, members);
        }
        let groups = in_time(client.groups()).await.unwrap();
        world.groups = groups.into_iter().map(|group| group.name.to_string()).collect();
    }
    (world, found)
}

async fn read(client: &Client, log: Log, found: &mut Vec<String>) -> Vec<Entry> {
    let selection = Selection::Newest(u32::MAX);
    let query = HistoryQuery { log: log.clone(), selection, from: None, before: None };
    let messages = in_time(client.history(query)).await.unwrap().messages;
    let folder = tempfile::tempdir().unwrap();
    for message in &messages {
        if let Body::File(file) = &message.body {
            let progress = qchat_client::Progress::none();
            let name = file.name.to_string();
            let fetched = client.download(log.clone(), &name, folder.path(), progress);
            match in_time(fetched).await {
                Ok(fetched) => std::fs::remove_file(fetched.path).unwrap(),
                Err(error) => found.push(format!("a file without its bytes: {name}: {error}")),
            }
        }
    }
    messages.iter().map(entry).collect()
}

fn entry(message: &Message) -> Entry {
    let digest = match &message.body {
        Body::File(file) => Some(file.digest.to_string()),
        _ => None,
    };
    let (sequence, name) = (message.id.sequence.0, sdk::said(&message.body));
    Entry { sequence, from: message.from.to_string(), name, digest }
}
