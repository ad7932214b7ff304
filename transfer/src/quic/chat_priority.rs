//! Chat uses the send window of a connection before files.
//!
//! The priority of a stream orders only data that has room in the send window. A file fills the window. A chat message
//! then waits, beside the file, for an acknowledgement that makes room, and the file would take all of that room
//! again. So files wait while a chat message is being written.

use std::sync::Mutex;
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::timeout;

use crate::lock::lock;

/// The longest time that files wait for one chat write: a peer that does not read must not stop them.
const FILES_WAIT_MAX: Duration = Duration::from_secs(1);

/// The chat writes of one connection, and the files that wait for them.
#[derive(Debug, Default)]
pub(crate) struct ChatPriority {
    queue: Mutex<WriteQueue>,
}

#[derive(Debug, Default)]
struct WriteQueue {
    chat_writes: usize,
    files: Vec<Waker>,
}

/// A chat write that files wait for.
struct ChatWrite<'a>(&'a ChatPriority);

impl ChatPriority {
    /// Runs a chat write, while files wait.
    pub(crate) async fn write_first<T>(&self, writing: impl Future<Output = T>) -> T {
        let mut writing = std::pin::pin!(writing);
        let chat_write = self.begin();
        if let Ok(written) = timeout(FILES_WAIT_MAX, &mut writing).await {
            return written;
        }
        drop(chat_write);
        writing.await
    }

    /// Whether a file has to wait. If so, its task is woken after the last chat write.
    pub(crate) fn must_wait(&self, context: &Context<'_>) -> bool {
        let mut queue = lock(&self.queue);
        let must_wait = queue.chat_writes > 0;
        let is_known = || queue.files.iter().any(|file| file.will_wake(context.waker()));
        if must_wait && !is_known() {
            queue.files.push(context.waker().clone());
        }
        must_wait
    }

    fn begin(&self) -> ChatWrite<'_> {
        lock(&self.queue).chat_writes += 1;
        ChatWrite(self)
    }
}

impl Drop for ChatWrite<'_> {
    fn drop(&mut self) {
        let mut queue = lock(&self.0.queue);
        queue.chat_writes -= 1;
        if queue.chat_writes == 0 {
            queue.files.drain(..).for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
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
}
