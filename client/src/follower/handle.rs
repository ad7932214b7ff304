//! The handle of a follower.

use std::sync::Arc;

use qchat_proto::command::Cursor;
use qchat_proto::{Fingerprint, Message, MessageId};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::client::Client;
use crate::follower::acknowledgements::Acknowledgements;
use crate::follower::cursor_file::CursorFileError;
use crate::follower::error::FollowError;
use crate::follower::options::{Beginning, Cursors, Reconnect};
use crate::follower::task::FollowerTask;

/// Follows the messages of others to a user and to the user's groups, until it is dropped.
///
/// Each message is returned once, in its log's order, and waits to be acknowledged. An acknowledged message
/// is marked as read; any other is returned again by the next follower that starts from the same
/// cursors. At most 1,024 messages wait at a time: then no more are read from the server.
///
/// [`Beginning`] selects the first message of a log without a cursor. A lost connection is made again for ever.
/// Dropping a follower may lose the last acknowledgements; [`close`](Self::close) keeps them.
pub struct Follower {
    messages: Mutex<mpsc::Receiver<Result<Message, FollowError>>>,
    clients: watch::Receiver<Option<Client>>,
    acknowledgements: Arc<Acknowledgements>,
    /// Dropping it stops the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), CursorFileError>>,
}

/// The most messages that are ready for [`Follower::next`].
const READY_MAX: usize = 16;

impl Follower {
    /// Begins to follow on an open connection; if nobody is signed in on it, the session is
    /// resumed. Must be called within a tokio runtime.
    pub fn start(
        client: Client,
        reconnect: Reconnect,
        cursors: Cursors,
        beginning: Beginning,
    ) -> Self {
        let acknowledgements = Arc::new(Acknowledgements::new(cursors));
        let (messages, ready) = mpsc::channel(READY_MAX);
        let (telling, clients) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let acknowledged = Arc::clone(&acknowledgements);
        let follower =
            FollowerTask { acknowledgements: acknowledged, clients: telling, beginning, messages };
        let task = tokio::spawn(follower.run(client, reconnect, stopped));
        Self { messages: Mutex::new(ready), clients, acknowledgements, stop, task }
    }

    /// The next message, however long that takes.
    ///
    /// # Errors
    /// [`FollowError`]: following has ended. A lost connection is no error.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost.
    pub async fn next(&self) -> Result<Message, FollowError> {
        let next = self.messages.lock().await.recv().await;
        next.unwrap_or(Err(FollowError::Ended))
    }

    /// Notes that the message of this id need not be returned again; returns whether it was waited for.
    /// The order of acknowledgements does not matter.
    pub fn acknowledge(&self, id: &MessageId) -> bool {
        self.acknowledgements.acknowledge(id)
    }

    /// The cursor of each log up to which all is acknowledged: start from these the next time.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.acknowledgements.positions().cursors()
    }

    /// The current connection, or the next one if it is lost. `None` when following has ended;
    /// [`next`](Self::next) returns the reason.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn client(&self) -> Option<Client> {
        let is_open = |client: &Option<Client>| client.as_ref().is_some_and(|c| !c.is_closed());
        self.clients.clone().wait_for(is_open).await.ok()?.clone()
    }

    /// Waits until the server shows a key other than `known`: one that it had announced before and that is
    /// pinned now. `None` when following has ended.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn changed_key(&self, known: Option<Fingerprint>) -> Option<Fingerprint> {
        let key = |client: &Option<Client>| client.as_ref().and_then(Client::changed_key);
        let mut clients = self.clients.clone();
        let changed = clients.wait_for(|client| key(client).is_some_and(|key| Some(key) != known));
        key(&*changed.await.ok()?)
    }

    /// Ends in order: saves the cursors, marks the acknowledged messages as read, and closes the connection. Takes a few seconds at the most.
    ///
    /// # Errors
    /// The cursors cannot be kept.
    ///
    /// # Cancel safety
    /// Cancel safe: the task does the rest by itself.
    pub async fn close(self) -> Result<(), CursorFileError> {
        let Self { messages, stop, task, .. } = self;
        drop((messages, stop));
        task.await.unwrap_or(Ok(()))
    }
}
