//! The promises that hold whichever process dies, compared with all that clients were told.

use std::collections::{BTreeMap, BTreeSet};

/// The answer to a client about a text or a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It has this number in its log.
    At(u64),
    /// It was refused with this code.
    Refused(String),
}

/// A text or a file that a client has sent. Its name is the text, or the original name of the file, and no other
/// has it.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) log: String,
    pub(crate) name: String,
    /// Whether the client may write to the log, from its own answered joins and leaves.
    pub(crate) is_member: bool,
    pub(crate) outcome: Outcome,
}

/// All that a client did, one thing after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Diary {
    pub(crate) user: String,
    pub(crate) attempts: Vec<Attempt>,
    /// The groups that it tried to make, and whether it did.
    pub(crate) makings: Vec<(String, bool)>,
    /// The groups of which it is a member at the end.
    pub(crate) joined: BTreeSet<String>,
}

/// A stored message.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) sequence: u64,
    pub(crate) from: String,
    pub(crate) name: String,
    /// The digest of a file.
    pub(crate) digest: Option<String>,
}

/// All that is stored.
#[derive(Debug, Clone, Default)]
pub(crate) struct World {
    /// The entries of each log, in the order in which they were shown.
    pub(crate) logs: BTreeMap<String, Vec<Entry>>,
    /// The groups with a list of members.
    pub(crate) members: BTreeMap<String, BTreeSet<String>>,
    /// The names of all groups.
    pub(crate) groups: BTreeSet<String>,
}

/// The bytes of the file with this name: up to 3 MiB, most of them fewer than 100 kB.
pub(crate) fn content(name: &str) -> Vec<u8> {
    let digest = blake3::hash(name.as_bytes());
    let [low, middle, high, is_large, ..] = digest.as_bytes().map(usize::from);
    let length = low + middle * 256 + if is_large < 32 { (high % 48) * 65_536 } else { 0 };
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(name.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// A sentence for each broken promise; none if all are kept.
pub(crate) fn violations(diaries: &[Diary], world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for (log, entries) in &world.logs {
        check_numbers(log, entries, &mut found);
        for diary in diaries {
            check_log(log, entries, diary, &mut found);
        }
        check_senders(log, entries, diaries, &mut found);
    }
    for attempt in diaries.iter().flat_map(|diary| &diary.attempts) {
        check_answer(attempt, world, &mut found);
    }
    check_names(diaries, world, &mut found);
    check_members(diaries, world, &mut found);
    found
}

/// The numbers of a log are 1, 2, 3, …, and nothing is there twice.
fn check_numbers(log: &str, entries: &[Entry], found: &mut Vec<String>) {
    let mut once = BTreeSet::new();
    for (expected, entry) in (1..).zip(entries) {
        if entry.sequence != expected {
            found.push(format!("not dense: {log} has {} in place of {expected}", entry.sequence));
            return;
        }
        if !once.insert(&entry.name) {
            found.push(format!("doubled: {log} has {} twice", entry.name));
        }
    }
}

/// The messages of a sender are those that were acknowledged, each at its place and in the order of sending.
fn check_log(log: &str, entries: &[Entry], diary: &Diary, found: &mut Vec<String>) {
    let attempts = diary.attempts.iter().filter(|attempt| attempt.log == log);
    let attempts: BTreeMap<_, _> =
        attempts.enumerate().map(|(place, attempt)| (&attempt.name, (place, attempt))).collect();
    let mut last = None;
    for entry in entries.iter().filter(|entry| entry.from == diary.user) {
        let Entry { sequence, name, .. } = entry;
        let Some((place, attempt)) = attempts.get(name) else {
            found.push(format!("invented: {log} has {name}, which {} never sent", diary.user));
            continue;
        };
        match &attempt.outcome {
            Outcome::At(told) if told == sequence => {}
            Outcome::At(told) => {
                found.push(format!("moved: {name} is {log}:{sequence}, not {told}"));
            }
            Outcome::Refused(code) => found.push(format!("stored: {name}, refused with {code}")),
        }
        if last.is_some_and(|last| last > *place) {
            found.push(format!("out of order: {name} in {log}"));
        }
        last = Some(*place);
        let digest = blake3::hash(&content(name)).to_hex();
        if entry.digest.as_ref().is_some_and(|stored| stored.as_str() != digest.as_str()) {
            found.push(format!("damaged: the file {name} in {log}"));
        }
    }
}

/// Each sender is a client.
fn check_senders(log: &str, entries: &[Entry], diaries: &[Diary], found: &mut Vec<String>) {
    let users: BTreeSet<_> = diaries.iter().map(|diary| &diary.user).collect();
    let strangers = entries.iter().filter(|entry| !users.contains(&entry.from));
    found.extend(strangers.map(|entry| format!("invented: {log} has a message of {}", entry.from)));
}

/// An acknowledged message is there, and members alone write to a group.
fn check_answer(attempt: &Attempt, world: &World, found: &mut Vec<String>) {
    let Attempt { log, name, is_member, outcome } = attempt;
    match outcome {
        Outcome::At(_) if !is_member => {
            found.push(format!("outside: {name} was taken from somebody outside of {log}"));
        }
        Outcome::At(sequence) => {
            let mut entries = world.logs.get(log).into_iter().flatten();
            if !entries.any(|entry| entry.name == *name) {
                found.push(format!("lost: {name}, acknowledged as {log}:{sequence}"));
            }
        }
        Outcome::Refused(code) if *is_member || code != "not_a_member" => {
            found.push(format!("refused: {name} to {log} with {code}"));
        }
        Outcome::Refused(_) => {}
    }
}

/// Each name of a group that clients raced for has one maker.
fn check_names(diaries: &[Diary], world: &World, found: &mut Vec<String>) {
    let mut makers = BTreeMap::<&String, Vec<&String>>::new();
    for (diary, (group, is_made)) in
        diaries.iter().flat_map(|diary| diary.makings.iter().map(move |making| (diary, making)))
    {
        let makers = makers.entry(group).or_default();
        makers.extend(is_made.then_some(&diary.user));
    }
    for (group, makers) in makers {
        if makers.len() != 1 {
            found.push(format!("name: {group} was made by {makers:?}"));
        }
        if !world.groups.contains(group) {
            found.push(format!("name: {group} does not exist"));
        }
    }
}

/// The members of a group are those whose last answer says so.
fn check_members(diaries: &[Diary], world: &World, found: &mut Vec<String>) {
    for (group, members) in &world.members {
        let expected = diaries.iter().filter(|diary| diary.joined.contains(group));
        let expected: BTreeSet<_> = expected.map(|diary| diary.user.clone()).collect();
        for user in expected.symmetric_difference(members) {
            found.push(format!("members: {user} in {group}: {}", members.contains(user)));
        }
    }
}

mod tests;
