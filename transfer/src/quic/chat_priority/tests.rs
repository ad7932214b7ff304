use std::future::{pending, poll_fn, ready};
use std::task::Poll;

use super::*;

async fn file(chat: &ChatPriority) {
    poll_fn(|context| match chat.must_wait(context) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await;
}

#[tokio::test]
async fn a_file_waits_for_the_last_chat_write() {
    let chat = ChatPriority::default();
    file(&chat).await;
    let (one, two) = (chat.begin(), chat.begin());
    tokio::select! {
        biased;
        () = file(&chat) => panic!("a file went before chat"),
        () = ready(()) => {}
    }
    let chat_writes = async {
        drop(one);
        tokio::task::yield_now().await;
        drop(two);
    };
    tokio::join!(file(&chat), chat_writes);
    assert!(lock(&chat.queue).files.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_chat_stops_no_file_for_long() {
    let chat = ChatPriority::default();
    tokio::select! {
        () = chat.write_first(pending()) => {}
        () = async { tokio::task::yield_now().await; file(&chat).await } => {}
    }
}
