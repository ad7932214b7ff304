//! The task of a follower: makes a lost connection again, watches, and returns messages.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::command::{Cursor, Event, Log};
use qchat_proto::limits::CURSORS_MAX;
use qchat_proto::{Message, Refusal, Sequence};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use crate::client::Client;
use crate::commands::Watching;
use crate::connection::Backoff;
use crate::error::CallError;
use crate::follower::acknowledgements::Acknowledgements;
use crate::follower::cursor_file::CursorFileError;
use crate::follower::error::FollowError;
use crate::follower::log_positions::SequenceOrder;
use crate::follower::options::{Beginning, Reconnect};
use crate::reconnect::ReconnectingClient;

/// How long the last marking may take.
const MARK_MAX: Duration = Duration::from_secs(2);

/// The task of a follower.
pub(crate) struct FollowerTask {
    pub(crate) acknowledgements: Arc<Acknowledgements>,
    pub(crate) beginning: Beginning,
    pub(crate) messages: mpsc::Sender<Result<Message, FollowError>>,
    /// Shows the current connection to the handle.
    pub(crate) clients: watch::Sender<Option<Client>>,
}

/// The consequence of an event for the watching that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventOrder {
    /// The watching goes on.
    InOrder,
    /// A log has to be watched from an earlier message.
    Gap,
}

impl FollowerTask {
    /// Follows until a final error, returns that, and ends in order when it is asked to.
    pub(crate) async fn run(
        self,
        client: Client,
        reconnect: Reconnect,
        stop: oneshot::Receiver<()>,
    ) -> Result<(), CursorFileError> {
        let work = async {
            let error = tokio::select! {
                error = self.sessions(client, reconnect) => error,
                error = self.acknowledgements.save_moves() => error.into(),
            };
            let _ = self.messages.send(Err(error)).await;
            pending::<Infallible>().await
        };
        tokio::select! {
            _ = work => {}
            _ = stop => {}
        }
        let saved = self.acknowledgements.save().await;
        let client = self.clients.borrow().clone();
        if let Some(client) = client {
            // A message that is not marked in time stays unread, but its cursor is saved.
            let _ = timeout(MARK_MAX, self.acknowledgements.mark_all(&client)).await;
            client.close().await;
        }
        saved
    }

    /// Follows on one connection after another, until a final error.
    async fn sessions(&self, first: Client, reconnect: Reconnect) -> FollowError {
        let Reconnect { server, trust, token } = reconnect;
        let mut reconnecting = ReconnectingClient::new(server, trust).with_client(first);
        loop {
            let client = match reconnecting.signed_in(&token).await {
                Ok(client) => client,
                Err(error) => return error.into(),
            };
            if let Some(user) = client.user() {
                self.acknowledgements.positions().set_user(user);
            }
            self.clients.send_replace(Some(client.clone()));
            let error = self.session(&client).await;
            if error.is_final() {
                return error;
            }
            // The connection may be open still, but the session on it has failed.
            reconnecting.abandon();
            sleep(reconnecting.next_pause()).await;
        }
    }

    /// Follows on one connection, until it is lost.
    async fn session(&self, client: &Client) -> FollowError {
        tokio::select! {
            error = self.watch(client) => error,
            error = self.acknowledgements.mark_saved(client) => error,
        }
    }

    async fn watch(&self, client: &Client) -> FollowError {
        let mut backoff = Backoff::default();
        loop {
            let positions = self.acknowledgements.positions().returned_cursors();
            if positions.len() > CURSORS_MAX {
                return FollowError::TooManyLogs;
            }
            let watched = async {
                let mut watching = client.watch(positions).await?;
                self.read(client, &mut watching).await
            };
            if let Err(error) = watched.await {
                return error;
            }
            // A server that leaves a gap every time must not be asked without a pause.
            backoff.failed();
            sleep(backoff.pause()).await;
        }
    }

    /// Returns messages until a log has to be watched from an earlier message.
    async fn read(&self, client: &Client, watching: &mut Watching) -> Result<(), FollowError> {
        let (mut caught_up, mut has_gap) = (false, false);
        let mut followed = HashSet::new();
        while !(caught_up && has_gap) {
            self.acknowledgements.has_room().await;
            // Reserved before the event is read, so that a noted message is certainly returned.
            let Ok(ready) = self.messages.reserve().await else { return pending().await };
            match watching.next().await? {
                Event::Following(cursor) => {
                    followed.insert(cursor.log.clone());
                    has_gap |= self.begin(client, cursor).await? == EventOrder::Gap;
                }
                Event::Message { log, place, message } => {
                    has_gap |= self.hand_on(&log, place, message, ready) == EventOrder::Gap;
                }
                Event::CaughtUp => {
                    caught_up = true;
                    self.acknowledgements.positions().retain(|log| followed.contains(log));
                }
                Event::Left(group) => {
                    let left = Log::Group(group);
                    self.acknowledgements.positions().retain(|log| *log != left);
                }
                Event::Presence { .. } | Event::Membership { .. } => {}
            }
            self.acknowledgements.note_move();
        }
        Ok(())
    }

    /// Notes the cursor from which the server follows a log.
    async fn begin(&self, client: &Client, cursor: Cursor) -> Result<EventOrder, FollowError> {
        let Cursor { log, after: followed } = cursor;
        let last = self.acknowledgements.positions().last(&log);
        if last == Some(followed) {
            return Ok(EventOrder::InOrder);
        }
        let after = match last {
            None => followed.min(self.before_first(client, &log).await?.unwrap_or(followed)),
            // The log is shorter than it was: the server was restored from an older backup.
            Some(_) => followed,
        };
        self.acknowledgements.positions().begin(Cursor { log, after });
        Ok(if after < followed { EventOrder::Gap } else { EventOrder::InOrder })
    }

    /// The number before the first message to return, of a log that is new here. `None` if no message of
    /// the log so far is to be returned.
    async fn before_first(
        &self,
        client: &Client,
        log: &Log,
    ) -> Result<Option<Sequence>, FollowError> {
        if self.beginning == Beginning::FirstMessage {
            return Ok(Some(Sequence(0)));
        }
        match client.oldest_unread(log).await {
            Ok(oldest) => Ok(oldest.map(|oldest| Sequence(oldest.0.saturating_sub(1)))),
            Err(CallError::Refused(Refusal::NotAMember(_))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn hand_on(
        &self,
        log: &Log,
        sequence: Sequence,
        message: Message,
        ready: mpsc::Permit<'_, Result<Message, FollowError>>,
    ) -> EventOrder {
        let mut positions = self.acknowledgements.positions();
        match positions.order(log, sequence) {
            SequenceOrder::Passed => {}
            SequenceOrder::Ahead => return EventOrder::Gap,
            SequenceOrder::Next if positions.is_own(&message.from) => positions.skip(log, sequence),
            SequenceOrder::Next => {
                positions.hand_on(log, sequence);
                drop(positions);
                ready.send(Ok(message));
            }
        }
        EventOrder::InOrder
    }
}
