//! Queries by any user about any log, with arbitrary numbers.

use qchat_proto::command::{FileQuery, HistoryPage, PageMark, Selection};
use qchat_proto::{Address, Message, MessageId, Refusal, Sequence, UserName};

use crate::store::Store;
use crate::store::queries::HistoryQuery;
use crate::store::tests::model::Model;
use crate::store::tests::random::Random;
use crate::store::tests::{group, user};

/// Users with and without groups. The last has no account.
const PEOPLE: [&str; 5] = ["alice", "bob", "carol", "dave", "nobody"];
const GROUPS: [&str; 3] = ["lab", "ops", "never"];

/// The most pages of a history here, after which the marks must have led to the last page.
const PAGES_MAX: usize = 8;

/// Runs as many queries as the bytes choose, and sometimes all queries of the model.
pub(super) async fn run(mut random: Random, model: &Model, store: &Store) {
    if random.once_in(8) {
        model.check_queries(store).await;
    }
    while !random.is_spent() {
        let asker = user(random.pick(PEOPLE));
        let log = match random.once_in(3) {
            true => Address::User(user(random.pick(PEOPLE))),
            false => Address::Group(group(random.pick(GROUPS))),
        };
        match random.within(0..6) {
            0..3 => history(&mut random, model, store, (asker, log)).await,
            3 => follow(&mut random, model, store, (asker, log)).await,
            4 => file(&mut random, model, store, (asker, log)).await,
            _ => track(&mut random, model, store, (asker, log)).await,
        }
    }
}

/// A position in a log, or an arbitrary number.
fn position(random: &mut Random) -> Sequence {
    Sequence(match random.within(0..8) {
        0 => u64::MAX - random.within(0..3),
        1 => random.within(0..u64::MAX),
        _ => random.within(0..20),
    })
}

fn selection(random: &mut Random) -> Selection {
    let count = u32::try_from(random.within(0..6)).unwrap();
    let count = if count == 5 { u32::MAX } else { count };
    match random.within(0..4) {
        0 => Selection::UnreadAndNewest(count),
        1 => Selection::Newest(count),
        2 => Selection::Unread,
        _ => Selection::NewestUnread(count),
    }
}

async fn history(
    random: &mut Random,
    model: &Model,
    store: &Store,
    (reader, log): (UserName, Address),
) {
    let selection = selection(random);
    let from = random.once_in(3).then(|| user(random.pick(PEOPLE)));
    let before = random.once_in(3).then(|| position(random));
    let mut page = random.once_in(2).then(|| PageMark {
        floor: position(random),
        end: position(random),
        after: position(random),
        more: random.once_in(2),
    });
    let is_made_up = page.is_some();
    for number in 0..=PAGES_MAX {
        let query = HistoryQuery {
            reader: reader.clone(),
            log: log.clone(),
            selection,
            from: from.clone(),
            before,
            page,
        };
        let answer = store.history(query).await.unwrap();
        check_allowed(model, &reader, &log, answer.as_ref().err());
        let Ok(HistoryPage { messages, next, .. }) = answer else { return };
        check_messages(model, &log, &messages);
        let is_from = |message: &Message| from.as_ref().is_none_or(|from| *from == message.from);
        assert!(messages.iter().all(is_from));
        // A made-up mark may ignore `before`.
        let is_before = |message: &Message| before.is_none_or(|end| message.id.sequence < end);
        assert!(is_made_up || messages.iter().all(is_before));
        page = next;
        if page.is_none() {
            return;
        }
        assert!(number < PAGES_MAX, "a history without end");
    }
}

async fn follow(
    random: &mut Random,
    model: &Model,
    store: &Store,
    (reader, log): (UserName, Address),
) {
    let after = position(random);
    let answer = store.messages_after(reader.clone(), log.clone(), after).await.unwrap();
    check_allowed(model, &reader, &log, answer.as_ref().err());
    let Ok(messages) = answer else { return };
    let expected = (after.0.saturating_add(1)..=model.length(&log)).map(Sequence);
    assert!(messages.iter().map(|(position, _)| *position).eq(expected), "positions without a gap");
}

async fn file(
    random: &mut Random,
    model: &Model,
    store: &Store,
    (reader, log): (UserName, Address),
) {
    let name = random.pick(["a.txt", "b.txt", "0000000000002_a.txt", "../a.txt", ""]);
    let query = FileQuery::from(name);
    let answer = store.file(reader.clone(), log.clone(), query).await.unwrap();
    if let Err(Refusal::NotAMember(_) | Refusal::UserNotFound(_) | Refusal::GroupNotFound(_)) =
        answer
    {
        check_allowed(model, &reader, &log, answer.as_ref().err());
    } else {
        check_allowed(model, &reader, &log, None);
    }
}

/// Users get the receipts of their own messages only, and only if they may read the log.
async fn track(
    random: &mut Random,
    model: &Model,
    store: &Store,
    (sender, log): (UserName, Address),
) {
    let message = MessageId { log: log.clone(), sequence: position(random) };
    let answer = store.receipt(sender.clone(), message.clone()).await.unwrap();
    if answer.is_ok() {
        let sent = model.logs.get(&log).into_iter().flatten();
        let sent = sent.filter(|entry| entry.sequence == message.sequence && entry.to == log);
        assert_eq!(sent.map(|entry| &entry.from).collect::<Vec<_>>(), [&sender]);
        if let Address::Group(_) = &log {
            check_allowed(model, &sender, &log, None);
        }
    }
}

/// Asserts that exactly the forbidden queries are refused.
#[track_caller]
fn check_allowed(model: &Model, reader: &UserName, log: &Address, refused: Option<&Refusal>) {
    let expected = match log {
        Address::User(owner) if owner == reader => None,
        Address::User(owner) => Some(Refusal::UserNotFound(owner.clone())),
        Address::Group(name) => match model.groups.get(name) {
            None => Some(Refusal::GroupNotFound(name.clone())),
            Some(group) if group.members.contains_key(reader) => None,
            Some(_) => Some(Refusal::NotAMember(name.clone())),
        },
    };
    assert_eq!(refused, expected.as_ref(), "{reader} reads {log:?}");
}

/// Asserts that every message is in the log, and that the messages are in the order of the log.
#[track_caller]
fn check_messages(model: &Model, log: &Address, messages: &[Message]) {
    let positions = messages.iter().map(|message| message.id.sequence);
    assert!(positions.is_sorted_by(|one, other| one < other), "{messages:?}");
    for message in messages {
        let known = model.logs.get(log).into_iter().flatten();
        let is_it = |entry: &&_| is_message(entry, message);
        assert_eq!(known.filter(is_it).count(), 1, "{message:?} in {log:?}");
    }
}

fn is_message(entry: &crate::store::schema::records::LogEntry, message: &Message) -> bool {
    (&entry.to, entry.sequence) == (&message.id.log, message.id.sequence)
        && (&entry.from, entry.at) == (&message.from, message.at)
}
