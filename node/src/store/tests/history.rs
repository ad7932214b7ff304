//! The history that a reader gets, compared with a simple model.

use proptest::prelude::*;
use qchat_proto::command::{Selection, SequenceRange};
use qchat_proto::{Address, Body, ClientId, Message, Sequence};

use super::{TestStore, to, user};
use crate::store::changes::{Mark, MarkMessages};
use crate::store::queries::HistoryQuery;

const PEOPLE: [&str; 3] = ["alice", "bob", "carol"];

impl TestStore {
    /// All pages of bob's inbox, and whether there are older messages.
    async fn inbox(
        &self,
        selection: Selection,
        from: Option<&str>,
        before: Option<u64>,
    ) -> (Vec<Message>, bool) {
        let (mut messages, mut page) = (Vec::new(), None);
        loop {
            let query = HistoryQuery {
                reader: user("bob"),
                log: to("bob"),
                selection,
                from: from.map(user),
                before: before.map(Sequence),
                page,
            };
            let answer = self.store.history(query).await.unwrap().unwrap();
            messages.extend(answer.messages.into_vec());
            match answer.next {
                Some(_) => page = answer.next,
                None => return (messages, answer.more),
            }
        }
    }

    async fn mark(&self, sequence: u64) {
        let range = SequenceRange { first: Sequence(sequence), last: Sequence(sequence) };
        let change = MarkMessages {
            mark: Mark::Read,
            user: user("bob"),
            log: to("bob"),
            ranges: vec![range],
        };
        self.store.commit(change).await.unwrap();
    }
}

/// A message of bob's mailbox in the model.
#[derive(Debug, Clone)]
struct ModelMessage {
    sequence: u64,
    from: &'static str,
    unread: bool,
}

/// The expected history: all matching messages, of those the newest, and the unread ones.
fn expected(
    mailbox: &[ModelMessage],
    selection: Selection,
    from: Option<&str>,
    before: Option<u64>,
) -> (Vec<u64>, bool) {
    let only_unread = matches!(selection, Selection::Unread | Selection::NewestUnread(_));
    let matching: Vec<&ModelMessage> = mailbox
        .iter()
        .filter(|known| from.is_none_or(|from| known.from == from))
        .filter(|known| before.is_none_or(|before| known.sequence < before))
        .filter(|known| known.unread || !only_unread)
        .collect();
    let newest = match selection {
        Selection::UnreadAndNewest(count)
        | Selection::Newest(count)
        | Selection::NewestUnread(count) => usize::try_from(count).unwrap(),
        Selection::Unread => usize::MAX,
    };
    let older = matching.len().saturating_sub(newest);
    let also_unread = matches!(selection, Selection::UnreadAndNewest(_));
    let is_shown =
        |index: usize, known: &ModelMessage| index >= older || (also_unread && known.unread);
    let shown = matching.iter().enumerate().filter(|(index, known)| is_shown(*index, known));
    let shown: Vec<u64> = shown.map(|(_, known)| known.sequence).collect();
    let more = shown.len() < matching.len();
    (shown, more)
}

fn any_selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        (1..6u32).prop_map(Selection::UnreadAndNewest),
        (1..6u32).prop_map(Selection::Newest),
        Just(Selection::Unread),
        (1..6u32).prop_map(Selection::NewestUnread),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn an_inbox_shows_what_was_asked_for(
        // The senders. Bob writes to alice, which leaves a copy in his mailbox.
        senders in prop::collection::vec(0..3usize, 1..20),
        read in prop::collection::vec(1..25u64, 0..12),
        queries in prop::collection::vec(
            (any_selection(), prop::option::of(0..3usize), prop::option::of(1..25u64)), 1..12),
    ) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let store = TestStore::with_users(&PEOPLE).await;
            let mut mailbox = Vec::new();
            for (index, sender) in senders.iter().enumerate() {
                let sender = PEOPLE[*sender];
                let receiver = if sender == "bob" { "alice" } else { "bob" };
                store.post(ClientId::random(), sender, to(receiver), "x").await.unwrap();
                let sequence = u64::try_from(index).unwrap() + 1;
                if sender != "bob" {
                    mailbox.push(ModelMessage { sequence, from: sender, unread: !read.contains(&sequence) });
                }
            }
            for sequence in &read {
                store.mark(*sequence).await;
            }
            for (selection, from, before) in queries {
                let from = from.map(|from| PEOPLE[from]);
                let (shown, more) = store.inbox(selection, from, before).await;
                let numbers: Vec<u64> = shown.iter().map(|message| message.id.sequence.0).collect();
                assert_eq!((numbers, more), expected(&mailbox, selection, from, before), "{selection:?} {from:?} {before:?} of {mailbox:?}");
                for message in shown {
                    let known = mailbox.iter().find(|known| known.sequence == message.id.sequence.0).unwrap();
                    assert_eq!((message.unread, message.from.as_str()), (known.unread, known.from));
                }
            }
        });
    }
}

#[tokio::test]
pub(in crate::store) async fn a_message_that_was_marked_before_it_was_sent_is_unread() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    store.mark(1).await;
    store.post(ClientId::random(), "alice", to("bob"), "hi").await.unwrap();
    let (shown, _) = store.inbox(Selection::Unread, None, None).await;
    assert_eq!(shown.len(), 1);
}

#[tokio::test]
pub(in crate::store) async fn a_long_history_comes_in_pages_with_each_message_once() {
    let store = TestStore::with_users(&["alice", "bob"]).await;
    let long = "x".repeat(16 * 1024);
    let post = |_| store.post(ClientId::random(), "alice", to("bob"), &long);
    for number in 0..40 {
        post(number).await.unwrap();
    }
    let (shown, more) = store.inbox(Selection::UnreadAndNewest(20), None, None).await;
    let numbers: Vec<u64> = shown.iter().map(|message| message.id.sequence.0).collect();
    assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
    assert!(!more);
}

#[tokio::test]
pub(in crate::store) async fn a_note_to_oneself_is_in_the_mailbox_once_and_unread() {
    let store = TestStore::with_users(&["bob"]).await;
    store.post(ClientId::random(), "bob", to("bob"), "beans").await.unwrap();
    let (shown, _) = store.inbox(Selection::Newest(9), None, None).await;
    let [note] = shown.as_slice() else { panic!("{shown:?}") };
    assert!(note.unread && matches!(&note.body, Body::Text(text) if text.as_str() == "beans"));
    assert_eq!(note.id.log, Address::User(user("bob")));
}
