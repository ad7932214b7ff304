//! A command costs tokens for the work that it causes, also if its answer is empty or nobody waits for it.

use std::time::{Duration, Instant};

use qchat_client::proto::command::{History, Log, Selection};
use qchat_client::proto::{Request, Sequence, frame};
use qchat_client::{Cursor, HistoryQuery, Progress, Reconnect};
use tokio::task::JoinSet;

use crate::harness::sdk::{catch_up, device, resume, session, text, user};
use crate::harness::{RawConnection, Server, in_time};

/// The number of messages in a log that takes some time to search.
const MESSAGES: u32 = 640;

/// A server with a low token rate, and a session of bob, who has received this many messages.
async fn with_a_long_log(per_second: u32) -> (Server, Reconnect) {
    let server = Server::with(&["--commands-per-second", &per_second.to_string()]);
    let bob = session(&server, "bob", server.address).await;
    let mut sending = JoinSet::new();
    for name in ["alice", "carol", "dave", "erin"] {
        let client = device(&server, name).await;
        for _ in 0..MESSAGES / 4 {
            let client = client.clone();
            sending.spawn(async move { client.send(user("bob"), text("hi")).await.unwrap() });
        }
    }
    sending.join_all().await;
    (server, bob)
}

/// The token rate of a connection with a low rate.
const LITTLE: u32 = 20;

/// Repeats a command, and checks that it takes as long as the account needs to earn `tokens` for each answer.
async fn pays_for_each(tokens: u32, mut ask: impl AsyncFnMut()) {
    const ASKED: u32 = 40;
    let begun = Instant::now();
    for _ in 0..ASKED {
        in_time(ask()).await;
    }
    // The tokens of two seconds are available at once.
    let of_account = 2 * LITTLE;
    let least = Duration::from_secs((ASKED * tokens - 2 * of_account).into()) / of_account;
    assert!(begun.elapsed() >= least, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_fruitless_search_in_a_long_log_costs_tokens_for_the_rows_read() {
    let (_server, bob) = with_a_long_log(LITTLE).await;
    let bob = resume(&bob).await;
    // Each message is read twice: to find the beginning of the page, and for the page.
    pays_for_each(1 + 2 * MESSAGES / 128, async || {
        let (log, selection, from) = (Log::Inbox, Selection::Newest(1), "mallory".parse().ok());
        let query = HistoryQuery { log, selection, from, before: None };
        assert_eq!(bob.history(query).await.unwrap().messages, []);
    })
    .await;
}

#[tokio::test]
async fn following_a_long_log_from_its_beginning_costs_tokens_each_time() {
    let (_server, bob) = with_a_long_log(LITTLE).await;
    let bob = resume(&bob).await;
    pays_for_each(1 + MESSAGES / 128, async || {
        let cursor = Cursor { log: Log::Inbox, after: Sequence(0) };
        let mut watching = bob.watch(vec![cursor]).await.unwrap();
        assert_eq!(catch_up(&mut watching).await.len(), usize::try_from(MESSAGES).unwrap());
    })
    .await;
}

#[tokio::test]
async fn skipped_copies_of_sent_files_cost_tokens() {
    const FILES: u32 = 256;
    let server = Server::with(&["--commands-per-second", &LITTLE.to_string()]);
    let (alice, _bob) =
        (session(&server, "alice", server.address).await, device(&server, "bob").await);
    let file = server.folder().join("a.jpg");
    std::fs::write(&file, "a").unwrap();
    let mut sending = JoinSet::new();
    for _ in 0..8 {
        let (alice, file) = (resume(&alice).await, file.clone());
        sending.spawn(async move {
            for _ in 0..FILES / 8 {
                let (to, name) = (user("bob"), "p/a.jpg".into());
                alice.send_file_as(to, &file, name, Progress::none()).await.unwrap();
            }
        });
    }
    sending.join_all().await;
    let alice = resume(&alice).await;
    // Each copy has a row in the index of files and a row in the log.
    pays_for_each(1 + 2 * FILES / 128, async || {
        let files = alice.files_below(&Log::Inbox, &"p".parse().unwrap()).await.unwrap();
        assert_eq!(files, []);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_leaves_before_the_answer_pays_for_it() {
    const ROUNDS: usize = 20;
    let (server, bob) = with_a_long_log(100).await;
    let phone = resume(&bob).await;
    for _ in 0..ROUNDS {
        let raw = RawConnection::connect(&server).await;
        raw.resume(&bob.token).await;
        for _ in 0..16 {
            let (log, selection, from) = (Log::Inbox, Selection::Newest(1), "mallory".parse().ok());
            let history = History { log, selection, from, before: None, page: None };
            let (mut question, _) = raw.stream().await;
            let request = frame::encode_frame(&Request::from(history));
            in_time(question.write_all(&request)).await.unwrap();
            question.finish().unwrap();
        }
        // The test cannot see when the commands run, so some rounds may have no effect.
        tokio::time::sleep(Duration::from_millis(100)).await;
        raw.connection.close(0_u32.into(), b"");
        let begun = Instant::now();
        in_time(phone.groups()).await.unwrap();
        if begun.elapsed() > Duration::from_millis(500) {
            return;
        }
    }
    panic!("nothing was paid");
}
