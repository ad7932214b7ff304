//! The task behind a follower: makes the link again, watches, and hands on.

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
use crate::commands::oldest_unread;
use crate::connection::Backoff;
use crate::connection::Purpose;
use crate::error::CallError;
use crate::follower::acknowledgements::Keeper;
use crate::follower::cursor_file::CursorFileError;
use crate::follower::handle::{Beginning, FollowError, Reconnect};
use crate::follower::positions::Place;

/// How long the last marking may take.
const MARK_MAX: Duration = Duration::from_secs(2);

/// The task.
pub(crate) struct Following {
    pub(crate) reconnect: Reconnect,
    pub(crate) keeper: Arc<Keeper>,
    /// What the connections are for.
    pub(crate) purpose: Purpose,
    pub(crate) beginning: Beginning,
    pub(crate) messages: mpsc::Sender<Result<Message, FollowError>>,
}

/// What an event means for the watching that it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Watched {
    /// It goes on.
    InOrder,
    /// A log has to be watched from an earlier place.
    Behind,
}

impl Following {
    /// Follows until something final happens, tells it, and ends in order when it is asked to.
    pub(crate) async fn run(
        self,
        client: Client,
        clients: watch::Sender<Option<Client>>,
        stop: oneshot::Receiver<()>,
    ) -> Result<(), CursorFileError> {
        let last_client = clients.subscribe();
        let work = async {
            let error = tokio::select! {
                error = self.sessions(client, clients) => error,
                error = self.keeper.keep() => error.into(),
            };
            let _ = self.messages.send(Err(error)).await;
            pending::<Infallible>().await
        };
        tokio::select! {
            _ = work => {}
            _ = stop => {}
        }
        let saved = self.keeper.save().await;
        let client = last_client.borrow().clone();
        if let Some(client) = client {
            // What is not marked in time stays unread, and is not handed on again all the same.
            let _ = timeout(MARK_MAX, self.keeper.mark_all(&client)).await;
            client.close().await;
        }
        saved
    }

    /// Follows on one link after the other.
    async fn sessions(&self, first: Client, clients: watch::Sender<Option<Client>>) -> FollowError {
        let mut first = Some(first);
        let mut backoff = Backoff::default();
        loop {
            let error = match self.connect(first.take()).await {
                Ok(client) => {
                    clients.send_replace(Some(client.clone()));
                    self.session(&client).await
                }
                Err(error) => error,
            };
            if error.is_final() {
                return error;
            }
            backoff.failed();
            // Nothing tells when a server comes back but asking it.
            sleep(backoff.pause()).await;
        }
    }

    /// A connection that is signed in.
    async fn connect(&self, standing: Option<Client>) -> Result<Client, FollowError> {
        let Reconnect { server, trust, token } = &self.reconnect;
        let client = match standing {
            Some(client) => client,
            None => Client::connect_for(self.purpose, server, trust.clone()).await?,
        };
        let user = match client.user() {
            Some(user) => user,
            None => client.resume(token.clone()).await?,
        };
        self.keeper.handover().set_user(user);
        Ok(client)
    }

    /// Follows on one link, until it is lost.
    async fn session(&self, client: &Client) -> FollowError {
        tokio::select! {
            error = self.watch(client) => error,
            error = self.keeper.mark(client) => error,
        }
    }

    async fn watch(&self, client: &Client) -> FollowError {
        let mut backoff = Backoff::default();
        loop {
            let positions = self.keeper.handover().positions();
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
            // Also what a server tells may be what makes it necessary, again and again.
            backoff.failed();
            sleep(backoff.pause()).await;
        }
    }

    /// Hands messages on until a log has to be watched from an earlier place.
    async fn read(&self, client: &Client, watching: &mut Watching) -> Result<(), FollowError> {
        let (mut caught_up, mut behind) = (false, false);
        let mut followed = HashSet::new();
        while !(caught_up && behind) {
            self.keeper.has_room().await;
            // Taken before the event is, so that nothing can come between its note and its handing on.
            let Ok(ready) = self.messages.reserve().await else { return pending().await };
            match watching.next().await? {
                Event::Following(cursor) => {
                    followed.insert(cursor.log.clone());
                    behind |= self.begin(client, cursor).await? == Watched::Behind;
                }
                Event::Message { log, place, message } => {
                    behind |= self.hand_on(&log, place, message, ready) == Watched::Behind;
                }
                Event::CaughtUp => {
                    caught_up = true;
                    self.keeper.handover().retain(|log| followed.contains(log));
                }
                Event::Left(group) => {
                    let left = Log::Group(group);
                    self.keeper.handover().retain(|log| *log != left);
                }
                Event::Presence { .. } | Event::Membership { .. } => {}
            }
            self.keeper.moved();
        }
        Ok(())
    }

    /// Notes where the server follows a log from.
    async fn begin(&self, client: &Client, cursor: Cursor) -> Result<Watched, FollowError> {
        let Cursor { log, after: followed } = cursor;
        let last = self.keeper.handover().last(&log);
        if last == Some(followed) {
            return Ok(Watched::InOrder);
        }
        let after = match last {
            None => followed.min(self.before_first(client, &log).await?.unwrap_or(followed)),
            // The log is shorter than it was: the server was put back to an older state.
            Some(_) => followed,
        };
        self.keeper.handover().begin(Cursor { log, after });
        Ok(if after < followed { Watched::Behind } else { Watched::InOrder })
    }

    /// The place before the first message to hand on, of a log that is new here. `None` if nothing in
    /// the log so far is to be handed on.
    async fn before_first(
        &self,
        client: &Client,
        log: &Log,
    ) -> Result<Option<Sequence>, FollowError> {
        if self.beginning == Beginning::FirstMessage {
            return Ok(Some(Sequence(0)));
        }
        match oldest_unread(&client.link, log).await {
            Ok(oldest) => Ok(oldest.map(|oldest| Sequence(oldest.0.saturating_sub(1)))),
            Err(CallError::Refused(Refusal::NotAMember(_))) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn hand_on(
        &self,
        log: &Log,
        place: Sequence,
        message: Message,
        ready: mpsc::Permit<'_, Result<Message, FollowError>>,
    ) -> Watched {
        let mut handover = self.keeper.handover();
        match handover.place(log, place) {
            Place::Passed => {}
            Place::Ahead => return Watched::Behind,
            Place::Next if handover.is_own(&message.from) => handover.pass_over(log, place),
            Place::Next => {
                handover.hand_on(log, place);
                drop(handover);
                ready.send(Ok(message));
            }
        }
        Watched::InOrder
    }
}
