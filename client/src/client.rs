//! The handle that callers hold. `commands` and `files` add a method for each command of the protocol.

use std::fmt;
use std::sync::Arc;

use qchat_proto::{ClientId, Command, Fingerprint, UserName};

use crate::address::ServerAddress;
use crate::connection::{Announcements, Connection, Route};
use crate::error::{CallError, NoAnswer, PinError};
use crate::trust::KeyStatus;

/// A connection to a server. Clones are handles on the same connection, which is closed when the last
/// one is dropped. Calls may run at the same time.
///
/// The connection's heartbeat runs in the caller's runtime: a program that blocks its runtime for 3 s may
/// lose the connection.
///
/// The answer to a call must come within 30 s, except for files. The variant of [`CallError`] says whether
/// the call can be repeated.
#[derive(Clone)]
pub struct Client {
    connection: Arc<Connection>,
    server_key: Fingerprint,
    /// Notes the server's next key, if the server is known by a pinned key.
    announcements: Option<Arc<Announcements>>,
    key: KeyStatus,
    pin_error: Option<Arc<PinError>>,
    request_id: Option<ClientId>,
}

impl Client {
    pub(crate) fn new(
        connection: Connection,
        server_key: Fingerprint,
        announcements: Option<Announcements>,
        key: KeyStatus,
        pin_error: Option<PinError>,
    ) -> Self {
        Self {
            connection: Arc::new(connection),
            server_key,
            announcements: announcements.map(Arc::new),
            key,
            pin_error: pin_error.map(Arc::new),
            request_id: None,
        }
    }

    /// A handle on the same connection whose calls carry this id. A call that makes or sends something
    /// and whose outcome is unknown can be repeated with its id, on another connection too: the server
    /// does it once, and returns the first answer again. One id is for one call.
    ///
    /// Without this, every call makes an id of its own.
    #[must_use]
    pub fn with_request_id(&self, id: ClientId) -> Self {
        Self { request_id: Some(id), ..self.clone() }
    }

    /// The id that the next call carries: the one that was given, or a new one.
    pub fn request_id(&self) -> ClientId {
        self.request_id.unwrap_or_else(ClientId::random)
    }

    /// The address under which the server was reached.
    pub fn server(&self) -> &ServerAddress {
        self.route().server()
    }

    /// The address under which the server was reached, with the IP address of its name.
    pub fn route(&self) -> &Route {
        &self.connection.route
    }

    /// Whether the server may have other machines: it has several addresses, or its name stands for several.
    pub fn has_others(&self) -> bool {
        self.connection.has_others
    }

    /// Whether the server has said that it shuts down. Calls that were begun before may still be answered; make
    /// others on a new connection.
    pub fn is_draining(&self) -> bool {
        self.connection.is_draining()
    }

    /// The key by which the server has proven its identity on this connection.
    pub fn server_key(&self) -> Fingerprint {
        self.server_key
    }

    /// The server's key, if the server was unknown until now. The key is pinned, unless there is a
    /// [`pin_error`](Self::pin_error).
    pub fn first_contact(&self) -> Option<Fingerprint> {
        match self.key {
            KeyStatus::New(key) => Some(key),
            KeyStatus::Known | KeyStatus::Changed(_) => None,
        }
    }

    /// The server's key, if it differs from the one of the last time. The server had announced it, and it
    /// is pinned now in place of the old one.
    pub fn changed_key(&self) -> Option<Fingerprint> {
        match self.key {
            KeyStatus::Changed(key) => Some(key),
            KeyStatus::Known | KeyStatus::New(_) => None,
        }
    }

    /// The reason why the server's key could not be pinned. The next connection will not know the key.
    pub fn pin_error(&self) -> Option<&PinError> {
        self.pin_error.as_deref()
    }

    /// The user who is signed in on this connection.
    pub fn user(&self) -> Option<UserName> {
        self.connection.user()
    }

    /// Whether either side has ended the connection.
    pub fn is_closed(&self) -> bool {
        self.connection.quic.close_reason().is_some()
    }

    /// Whether the server has ended the connection because nobody signed in on it for 10 s. This is no
    /// sign of trouble: a new connection can be made when it is needed.
    pub fn ended_unused(&self) -> bool {
        self.connection.end() == Some(NoAnswer::NobodySignedIn)
    }

    /// Waits until either side ends the connection.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn closed(&self) {
        self.connection.quic.closed().await;
    }

    /// Closes the connection for all handles, and waits, for a second at the most, until the server
    /// is told. Calls under way fail.
    ///
    /// # Cancel safety
    /// Cancel safe: the connection is closed; the server may not hear of it.
    pub async fn close(&self) {
        if self.is_closed() {
            return;
        }
        if let Some(announcements) = &self.announcements {
            // A short connection, too, learns which key comes next.
            announcements.wait_until_noted().await;
        }
        self.connection.close().await;
    }

    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Reply, CallError> {
        self.connection.ask(command).await
    }

    /// Notes the user who has signed in. From now on the server announces its next key.
    pub(crate) fn note_sign_in(&self, user: UserName) {
        self.connection.set_user(Some(user));
        if let Some(announcements) = &self.announcements {
            announcements.follow(&self.connection);
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Client")
            .field("server", &self.connection.quic.remote_address())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}
