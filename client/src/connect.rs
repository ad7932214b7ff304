//! From an address to a connection whose other end is known.

use std::sync::Arc;

use qchat_proto::Fingerprint;
use tokio::task::spawn_blocking;

use crate::address::ServerAddress;
use crate::client::Client;
use crate::dial::{CONNECT_MAX, dial};
use crate::endpoint::provider;
use crate::error::{ConnectError, IdentityError};
use crate::link::Link;
use crate::pins::PinFile;
use crate::trust::Trust;
use crate::verifier::Rule;

impl Client {
    /// Connects, and judges who the server is before a byte of the caller's is sent. Takes at most
    /// 10 s, and the pinning of a new server's key. Must be called within a tokio runtime.
    ///
    /// The server ends a connection on which nobody signs in for 10 s: connect when you are about to.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// Cancel safe: no connection remains. The key of a server met for the first time may be pinned.
    pub async fn connect(server: &ServerAddress, trust: Trust) -> Result<Self, ConnectError> {
        let asked = server.clone();
        let rule = blocking(move || Rule::load(&asked, trust, &provider())).await?;
        let rule = Arc::new(rule);
        let dialled = dial(server, &rule, CONNECT_MAX).await?;
        let presented = dialled.key;
        // Closes the connection, should the pinning fail.
        let link = Arc::new(Link::new(dialled));
        let first_contact = match &*rule {
            Rule::Known { pins, pinned: None, .. } => {
                pin(pins.clone(), server.clone(), presented).await?;
                Some(presented)
            }
            _ => None,
        };
        Ok(Self { link, first_contact, request_id: None })
    }
}

/// Pins a new server's key. Another process may have pinned another one in the meantime.
async fn pin(
    pins: PinFile,
    server: ServerAddress,
    presented: Fingerprint,
) -> Result<(), ConnectError> {
    let path = pins.path().to_owned();
    let asked = server.clone();
    let pinned = blocking(move || Ok(pins.pin(&asked, presented)?)).await?;
    match pinned == presented {
        true => Ok(()),
        false => Err(IdentityError::Changed { server, presented, pinned, pins: path }.into()),
    }
}

/// Runs what reads or writes the disk beside the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectError> + Send + 'static,
) -> Result<T, ConnectError> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(ConnectError::Local(panic.to_string())))
}
