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
mod tests;
