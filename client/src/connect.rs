//! From an address to a connection whose other end is known.

use std::sync::Arc;

use tokio::task::spawn_blocking;

use crate::address::ServerAddresses;
use crate::client::Client;
use crate::connection::{
    Announcements, CONNECT_MAX, Connection, Dial, Preference, Purpose, provider,
};
use crate::error::{ConnectError, PinError};
use crate::trust::{KeyStatus, Rule, Trust};

impl Client {
    /// Connects to the first of the server's addresses that answers, and checks the server's identity before a byte of the caller's is sent. Takes at most
    /// 30 s, and the pinning of a new server's key. Must be called within a tokio runtime.
    ///
    /// The server ends a connection on which nobody signs in for 10 s: connect right before you sign in.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// Cancel safe: no connection remains. The key of a server met for the first time may be pinned.
    pub async fn connect<S: Into<ServerAddresses> + Clone>(
        server: &S,
        trust: Trust,
    ) -> Result<Self, ConnectError> {
        let server = server.clone().into();
        Self::connect_for(Purpose::Files, server, Preference::None, trust).await
    }

    /// Connects for messages alone: fewer bytes are sent, which matters on a slow path. A file would move more
    /// slowly.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As that of [`connect`](Self::connect).
    pub async fn connect_to_talk<S: Into<ServerAddresses> + Clone>(
        server: &S,
        trust: Trust,
    ) -> Result<Self, ConnectError> {
        let server = server.clone().into();
        Self::connect_for(Purpose::Talk, server, Preference::None, trust).await
    }

    pub(crate) async fn connect_for(
        purpose: Purpose,
        server: ServerAddresses,
        preference: Preference,
        trust: Trust,
    ) -> Result<Self, ConnectError> {
        let asked = server.clone();
        let rule = Arc::new(blocking(move || Rule::load(&asked, trust, &provider())).await?);
        let (asked, met) = (server.clone(), Arc::clone(&rule));
        let dialled = Dial { server, preference, rule, purpose }.connect(CONNECT_MAX).await?;
        let (presented, rule) = (dialled.key, Arc::clone(&met));
        let address = dialled.route.server().clone();
        // Dropping it closes the connection, should the pinning fail.
        let connection = Connection::new(dialled);
        let announcements = Announcements::for_rule(&rule, &address, presented);
        let shown_at = address.clone();
        let pinned = blocking(move || met.pin(&asked, &shown_at, presented)).await;
        let (key, pin_error) = match pinned {
            // A home that cannot be written is no reason not to talk.
            Err(ConnectError::Pins(error @ PinError::Write { .. })) => {
                (KeyStatus::of(&rule, &address, presented), Some(error))
            }
            pinned => (pinned?, None),
        };
        Ok(Self::new(connection, presented, announcements, key, pin_error))
    }
}

/// Runs blocking file access outside of the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectError> + Send + 'static,
) -> Result<T, ConnectError> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(ConnectError::Local(panic.to_string())))
}

#[cfg(test)]
mod tests;
