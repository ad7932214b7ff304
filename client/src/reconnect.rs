//! A connection that is made again after it was lost: the one place that decides whether and when to try.

use std::time::Duration;

use qchat_proto::SessionToken;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::address::ServerAddresses;
use crate::client::Client;
use crate::connection::{Backoff, Preference, Purpose, Route, all_begun_after};
use crate::error::{CallError, ConnectError};
use crate::trust::Trust;

/// How long closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// A server, and the connection to it while there is one.
///
/// If the server has several addresses, each attempt tries them one after the other, beginning with the last good one;
/// the address of a connection that was lost is tried last. A server that shuts down is left at once.
///
/// [`connect`](Self::connect) makes one attempt, for callers that report each failure.
/// [`signed_in`](Self::signed_in) goes on until it has a session or a final error.
#[derive(Debug)]
pub struct ReconnectingClient {
    server: ServerAddresses,
    trust: Trust,
    purpose: Purpose,
    preference: Preference,
    /// Whether the server may have other machines, as far as is known.
    has_others: bool,
    client: Option<Client>,
    /// Whether the connection before this one was left, and no attempt has failed since.
    has_left: bool,
    /// The attempt that is under way. It goes on while nobody waits for it: given up and begun again,
    /// attempts would fill a slow path.
    attempt: JoinSet<Result<Client, ConnectError>>,
    /// The failed attempts since the last connection, each at all addresses: each may take longer than the one before.
    attempts: Backoff,
    /// The lost connections and failed attempts: each pause is longer than the one before, even if the server
    /// lets everybody in and breaks off at once.
    losses: Backoff,
    /// The error after which the server is not asked again.
    refused: Option<ConnectError>,
}

/// The reason why there is no signed-in connection.
#[derive(Debug, thiserror::Error)]
pub enum ReconnectError {
    /// No connection can be made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The session cannot be resumed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl ReconnectError {
    /// Whether a later attempt would fail in the same way.
    pub fn is_final(&self) -> bool {
        match self {
            Self::Connect(error) => error.is_final(),
            Self::Call(error) => error.is_final(),
        }
    }
}

impl ReconnectingClient {
    /// No connection yet. It is made when it is needed.
    pub fn new(server: impl Into<ServerAddresses>, trust: Trust) -> Self {
        let server = server.into();
        Self {
            has_others: server.are_several(),
            server,
            trust,
            purpose: Purpose::Files,
            preference: Preference::None,
            client: None,
            has_left: false,
            attempt: JoinSet::new(),
            attempts: Backoff::default(),
            losses: Backoff::default(),
            refused: None,
        }
    }

    /// Begins with a connection that was made before. Later ones serve the same purpose.
    #[must_use]
    pub fn with_client(self, client: Client) -> Self {
        let purpose = client.connection().purpose;
        let has_others = self.has_others || client.has_others();
        Self { client: Some(client), purpose, has_others, ..self }
    }

    /// Tries this address first: it was good at the last time.
    #[must_use]
    pub fn preferring(self, route: Route) -> Self {
        Self { preference: Preference::First(route), ..self }
    }

    /// Makes connections for messages alone; see [`Client::connect_to_talk`].
    #[must_use]
    pub fn for_messages(self) -> Self {
        Self { purpose: Purpose::Talk, ..self }
    }

    /// The addresses of the server.
    pub fn server(&self) -> &ServerAddresses {
        &self.server
    }

    /// How the server's identity is checked.
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// The current connection, unless it is lost or is to be [left](Self::is_moving).
    pub fn client(&self) -> Option<&Client> {
        self.client.as_ref().filter(|client| !client.is_closed() && !self.leaves(client))
    }

    /// Whether a connection was there and is lost. One that [ended unused](Client::ended_unused) or is
    /// [left](Self::is_moving) is not lost.
    pub fn is_lost(&self) -> bool {
        let is_lost = |client: &Client| client.is_closed() && !client.ended_unused();
        self.client.as_ref().is_some_and(is_lost) && !self.is_moving()
    }

    /// Whether the server shuts down and has other machines. The next attempt goes to another one, and nothing is
    /// amiss before that has failed.
    pub fn is_moving(&self) -> bool {
        self.client.as_ref().map_or(self.has_left, |client| self.leaves(client))
    }

    fn leaves(&self, client: &Client) -> bool {
        self.has_others && client.is_draining()
    }

    /// Whether there is no connection because nobody signed in on it; see [`Client::ended_unused`].
    pub fn ended_unused(&self) -> bool {
        self.client.as_ref().is_some_and(Client::ended_unused)
    }

    /// Whether the last error was [final](ConnectError::is_final), so that no attempt is made any more.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// The current connection, or a new one if one attempt succeeds within `limit` at the most. The first
    /// attempt may take 2 s, and each later one twice as long as the one before, up to 10 s; the time in which
    /// attempts begin at all addresses is added. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ConnectError`]. A final one is returned again by each later call, without asking the server.
    ///
    /// # Cancel safety
    /// Cancel safe: the attempt goes on, and the next call waits for it.
    pub async fn connect(&mut self, limit: Duration) -> Result<Client, ConnectError> {
        if let Some(client) = self.client() {
            return Ok(client.clone());
        }
        if let Some(refused) = &self.refused {
            return Err(refused.clone());
        }
        self.abandon();
        let patience = self.attempts.patience() + all_begun_after(&self.server);
        let patience = patience.min(limit);
        let connected = timeout(patience, self.attempt()).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", patience.as_secs());
            Err(ConnectError::Unreachable { server: self.server.clone(), reason })
        });
        self.has_left &= connected.is_ok();
        match &connected {
            Ok(client) => {
                self.attempts.reset();
                self.keep_key(client);
                self.has_others |= client.has_others();
                self.client = Some(client.clone());
            }
            Err(error) if error.is_final() => self.refused = Some(error.clone()),
            Err(_) => self.attempts.failed(),
        }
        connected
    }

    async fn attempt(&mut self) -> Result<Client, ConnectError> {
        loop {
            if self.attempt.is_empty() {
                let (server, trust) = (self.server.clone(), self.trust.clone());
                let preference = self.preference.clone();
                self.attempt.spawn(Client::connect_for(self.purpose, server, preference, trust));
            }
            match self.attempt.join_next().await {
                // Made while nobody waited for it, and ended since, because nobody signed in.
                Some(Ok(Ok(client))) if client.is_closed() => {}
                Some(Ok(connected)) => return connected,
                Some(Err(panic)) => return Err(ConnectError::Local(panic.to_string())),
                None => {}
            }
        }
    }

    /// Holds the server to a key that could not be pinned.
    fn keep_key(&mut self, client: &Client) {
        let key = client.first_contact().or_else(|| client.changed_key());
        if let Some(key) = key.filter(|_| client.pin_error().is_some()) {
            self.trust = Trust::Fingerprint(key);
        }
    }

    /// A connection on which the session of this token is resumed, however long that takes. Pauses between
    /// attempts.
    ///
    /// # Errors
    /// [`ReconnectError`] that is [final](ReconnectError::is_final).
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn signed_in(&mut self, token: &SessionToken) -> Result<Client, ReconnectError> {
        loop {
            match self.resume(token).await {
                Err(error) if !error.is_final() => {}
                signed_in => return signed_in,
            }
            self.abandon();
            // Only an attempt shows that the server is back.
            sleep(self.next_pause()).await;
        }
    }

    async fn resume(&mut self, token: &SessionToken) -> Result<Client, ReconnectError> {
        let client = self.connect(Duration::MAX).await?;
        if client.user().is_none() {
            client.resume(token.clone()).await?;
        }
        Ok(client)
    }

    /// Notes a lost connection or a failed attempt, and returns the pause before the next attempt: at most 0.2 s
    /// after the first, growing up to 5 s. Only time and [`restart`](Self::restart) make it short again. After the
    /// first there is none if the server has other machines, which need no time to come back.
    pub fn next_pause(&mut self) -> Duration {
        self.losses.failed();
        match self.losses.failures() == 1 && self.has_others {
            true => Duration::ZERO,
            false => self.losses.pause(),
        }
    }

    /// Makes the next pause and the next attempt as short as the first ones: a person asks for the server.
    pub fn restart(&mut self) {
        self.attempts.reset();
        self.losses.reset();
    }

    /// Drops the connection; the next call makes a new one, at another address if there are several.
    pub fn abandon(&mut self) {
        if let Some(client) = self.client.take() {
            self.has_left = self.leaves(&client);
            let route = client.route().clone();
            self.preference = match self.has_others && !client.ended_unused() {
                true => Preference::Last(route),
                false => Preference::First(route),
            };
        }
    }

    /// Drops the connection because its caller was interrupted: nothing is known to be amiss.
    pub fn interrupt(&mut self) {
        if let Some(client) = self.client.take() {
            self.preference = Preference::First(client.route().clone());
        }
    }

    /// Closes the connection. A server that does not hear it finds out by itself.
    ///
    /// # Cancel safety
    /// As that of [`Client::close`].
    pub async fn close(self) {
        if let Some(client) = self.client {
            let _ = timeout(CLOSE_MAX, client.close()).await;
        }
    }
}
