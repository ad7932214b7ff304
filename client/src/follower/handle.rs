//! Messages handed on once and in order, through links and servers that come and go: what a bot lives
//! on.

use std::sync::Arc;

use qchat_proto::command::Cursor;
use qchat_proto::limits::CURSORS_MAX;
use qchat_proto::{Fingerprint, Message, MessageId, Refusal, SessionToken};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::address::ServerAddress;
use crate::client::Client;
use crate::error::{CallError, ConnectError};
use crate::follower::acknowledgements::Keeper;
use crate::follower::cursor_file::{CursorFile, CursorFileError};
use crate::follower::task::Following;
use crate::trust::Trust;

/// Follows what others send to a user and to their groups, for as long as it is held.
///
/// Each message is handed on once, in its log's order, and waits to be acknowledged. What was not
/// acknowledged is handed on again by the next follower that starts from the same cursors; what was is
/// marked as read. At most 1,024 messages wait at a time: then no more are read from the server.
///
/// [`Beginning`] says which message of a log without a cursor is the first. A lost link is made again for ever.
/// When a follower is dropped, what was acknowledged last may not be kept; [`close`](Self::close) it.
pub struct Follower {
    messages: Mutex<mpsc::Receiver<Result<Message, FollowError>>>,
    clients: watch::Receiver<Option<Client>>,
    keeper: Arc<Keeper>,
    /// Dropping it stops the task.
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), CursorFileError>>,
}

/// What a lost link is made again with.
#[derive(Debug, Clone)]
pub struct Reconnect {
    /// The server.
    pub server: ServerAddress,
    /// How its identity is judged.
    pub trust: Trust,
    /// Resumes the session.
    pub token: SessionToken,
}

/// Where following goes on, and who keeps that.
#[derive(Debug)]
pub enum Cursors {
    /// The caller does, with [`Follower::cursors`].
    Given(Vec<Cursor>),
    /// They are written to this file whenever they move, before messages are marked as read.
    File(CursorFile),
}

/// Which message of a log without a cursor is handed on first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// The oldest unread one. In a group, messages from before the joining count as read.
    OldestUnread,
    /// The first one that the log has.
    FirstMessage,
}

/// Why following has ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The server cannot be connected to, and trying again would not help.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session has ended, or the server makes no sense.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The cursors cannot be kept.
    #[error(transparent)]
    Cursors(#[from] CursorFileError),
    /// The user is in more groups than can be followed.
    #[error("more than {CURSORS_MAX} logs cannot be followed: leave some groups")]
    TooManyLogs,
    /// It has been told before why.
    #[error("following has ended")]
    Ended,
}

/// How many messages lie ready for [`Follower::next`].
const READY_MAX: usize = 16;

impl Follower {
    /// Begins to follow on a connection that stands; if nobody is signed in on it, the session is
    /// resumed. Must be called within a tokio runtime.
    pub fn start(
        client: Client,
        reconnect: Reconnect,
        cursors: Cursors,
        beginning: Beginning,
    ) -> Self {
        let keeper = Arc::new(Keeper::new(cursors));
        let (messages, ready) = mpsc::channel(READY_MAX);
        let (telling, clients) = watch::channel(None);
        let (stop, stopped) = oneshot::channel();
        let purpose = client.link.purpose;
        let keeper_of_task = Arc::clone(&keeper);
        let following =
            Following { reconnect, keeper: keeper_of_task, purpose, beginning, messages };
        let task = tokio::spawn(following.run(client, telling, stopped));
        Self { messages: Mutex::new(ready), clients, keeper, stop, task }
    }

    /// The next message, however long that takes.
    ///
    /// # Errors
    /// [`FollowError`]: following has ended. A link that is lost is no error.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost.
    pub async fn next(&self) -> Result<Message, FollowError> {
        let next = self.messages.lock().await.recv().await;
        next.unwrap_or(Err(FollowError::Ended))
    }

    /// Notes that the message of this id needs not be handed on again; says whether it was waited for.
    /// The order of acknowledgements does not matter.
    pub fn acknowledge(&self, id: &MessageId) -> bool {
        self.keeper.acknowledge(id)
    }

    /// How far each log is acknowledged without a gap: where to start the next time.
    pub fn cursors(&self) -> Vec<Cursor> {
        self.keeper.handover().cursors()
    }

    /// The connection that stands, waiting for it where there is none. `None` when following has
    /// ended; [`next`](Self::next) tells why.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn client(&self) -> Option<Client> {
        let stands = |client: &Option<Client>| client.as_ref().is_some_and(|c| !c.is_closed());
        self.clients.clone().wait_for(stands).await.ok()?.clone()
    }

    /// Waits until the server has another key than `known`, one that it had announced before and that is
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

    /// Ends in order: keeps the cursors, marks what was acknowledged as read, and says goodbye to the
    /// server. Takes a few seconds at the most.
    ///
    /// # Errors
    /// The cursors cannot be kept.
    ///
    /// # Cancel safety
    /// Cancel safe: the rest is done by itself.
    pub async fn close(self) -> Result<(), CursorFileError> {
        let Self { messages, stop, task, .. } = self;
        drop((messages, stop));
        task.await.unwrap_or(Ok(()))
    }
}

impl FollowError {
    /// Whether trying again would end in the same way.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Connect(error) => matches!(
                error,
                ConnectError::Identity(_) | ConnectError::Pins(_) | ConnectError::Authority { .. }
            ),
            Self::Call(CallError::Refused(refusal)) => {
                matches!(refusal, Refusal::NotLoggedIn | Refusal::SessionEnded)
            }
            Self::Call(error) => matches!(error, CallError::Damaged(_)),
            Self::Cursors(_) | Self::TooManyLogs | Self::Ended => true,
        }
    }
}
