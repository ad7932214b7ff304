//! Chat goes before files: what is said waits for room in the connection's send window, and takes it
//! before a file does.
//!
//! A stream's priority orders only what has found room there. A file fills it, and whatever wants in then
//! waits for an acknowledgement to make some, together with the file, which would take all of it again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use tokio::time::timeout;

/// For so long files wait for what is said. A peer that does not read what is said holds up no file
/// for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Who waits for room on one connection.
#[derive(Debug, Default)]
pub(crate) struct ChatPriority {
    waiting: Mutex<WriteQueue>,
}

#[derive(Debug, Default)]
struct WriteQueue {
    /// How many say something just now.
    talkers: usize,
    /// The files that wait for them.
    files: Vec<Waker>,
}

/// Somebody who says something.
struct ChatWrite<'a>(&'a ChatPriority);

impl ChatPriority {
    /// Lets `writing` go before all files.
    pub(crate) async fn first<T>(&self, writing: impl Future<Output = T>) -> T {
        let mut writing = std::pin::pin!(writing);
        let turn = self.begin();
        if let Ok(written) = timeout(PATIENCE, &mut writing).await {
            return written;
        }
        drop(turn);
        writing.await
    }

    /// Whether a file has to wait. It is woken when it need not any more.
    pub(crate) fn goes_first(&self, context: &Context<'_>) -> bool {
        let mut waiting = self.waiting();
        let must_wait = waiting.talkers > 0;
        let is_known = || waiting.files.iter().any(|file| file.will_wake(context.waker()));
        if must_wait && !is_known() {
            waiting.files.push(context.waker().clone());
        }
        must_wait
    }

    fn begin(&self) -> ChatWrite<'_> {
        self.waiting().talkers += 1;
        ChatWrite(self)
    }

    fn waiting(&self) -> MutexGuard<'_, WriteQueue> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for ChatWrite<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting();
        waiting.talkers -= 1;
        if waiting.talkers == 0 {
            waiting.files.drain(..).for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn, ready};
    use std::task::Poll;

    use super::*;

    async fn file(talk: &ChatPriority) {
        poll_fn(|context| match talk.goes_first(context) {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }

    #[tokio::test]
    async fn a_file_waits_until_everything_is_said() {
        let talk = ChatPriority::default();
        file(&talk).await;
        let (one, two) = (talk.begin(), talk.begin());
        tokio::select! {
            biased;
            () = file(&talk) => panic!("a file went before talk"),
            () = ready(()) => {}
        }
        let said = async {
            drop(one);
            tokio::task::yield_now().await;
            drop(two);
        };
        tokio::join!(file(&talk), said);
        assert!(talk.waiting().files.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_read_what_is_said_holds_up_no_file_for_long() {
        let talk = ChatPriority::default();
        tokio::select! {
            () = talk.first(pending()) => {}
            () = async { tokio::task::yield_now().await; file(&talk).await } => {}
        }
    }
}
