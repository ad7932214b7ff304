//! From an address to a connection whose other end is known.

use std::sync::Arc;

use qchat_proto::Fingerprint;
use tokio::task::spawn_blocking;

use crate::address::ServerAddress;
use crate::client::Client;
use crate::commands::Announcements;
use crate::connection::Link;
use crate::connection::{CONNECT_MAX, dial};
use crate::connection::{Purpose, provider};
use crate::error::{ConnectError, IdentityError};
use crate::trust::PinError;
use crate::trust::Rule;
use crate::trust::Trust;

impl Client {
    /// Connects, and judges who the server is before a byte of the caller's is sent. Takes at most
    /// 30 s, and the pinning of a new server's key. Must be called within a tokio runtime.
    ///
    /// The server ends a connection on which nobody signs in for 10 s: connect when you are about to.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// Cancel safe: no connection remains. The key of a server met for the first time may be pinned.
    pub async fn connect(server: &ServerAddress, trust: Trust) -> Result<Self, ConnectError> {
        Self::connect_for(Purpose::Files, server, trust).await
    }

    /// The same for messages alone: fewer bytes are sent, which a thin link notices, and a file would move more
    /// slowly.
    ///
    /// # Errors
    /// [`ConnectError`].
    ///
    /// # Cancel safety
    /// As that of [`connect`](Self::connect).
    pub async fn connect_to_talk(
        server: &ServerAddress,
        trust: Trust,
    ) -> Result<Self, ConnectError> {
        Self::connect_for(Purpose::Talk, server, trust).await
    }

    pub(crate) async fn connect_for(
        purpose: Purpose,
        server: &ServerAddress,
        trust: Trust,
    ) -> Result<Self, ConnectError> {
        let asked = server.clone();
        let rule = blocking(move || Rule::load(&asked, trust, &provider())).await?;
        let rule = Arc::new(rule);
        let dialled = dial(server, &rule, purpose, CONNECT_MAX).await?;
        let presented = dialled.key;
        // Closes the connection, should the pinning fail.
        let announcements = Announcements::for_rule(&rule, server, presented);
        let link = Arc::new(Link::new(dialled, announcements));
        let (acquaintance, pin_error) = match Acquaintance::make(&rule, server, presented).await {
            // A home that cannot be written is no reason not to talk.
            Err(ConnectError::Pins(error @ PinError::Write { .. })) => {
                (rule.acquaintance(presented), Some(Arc::new(error)))
            }
            made => (made?, None),
        };
        Ok(Self { link, acquaintance, pin_error, request_id: None })
    }
}

impl Rule {
    /// How a key is known that this rule has let pass.
    fn acquaintance(&self, presented: Fingerprint) -> Acquaintance {
        match self {
            Self::Known { pinned: None, .. } => Acquaintance::New(presented),
            Self::Known { pinned: Some(pin), .. } if pin.key != presented => {
                Acquaintance::Changed(presented)
            }
            Self::Known { .. } | Self::Key(_) | Self::Authority(_) => Acquaintance::Known,
        }
    }
}

/// How the key that a server presents is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Acquaintance {
    /// It was known before, or was asked for, or an authority vouches for it.
    Known,
    /// The server is new here; its key is pinned now.
    New(Fingerprint),
    /// The server had announced this key; it is pinned now in place of the one before.
    Changed(Fingerprint),
}

impl Acquaintance {
    /// Pins what is new about a server that has shown that it holds the key.
    async fn make(
        rule: &Rule,
        server: &ServerAddress,
        presented: Fingerprint,
    ) -> Result<Self, ConnectError> {
        let Rule::Known { pins, pinned, .. } = rule else { return Ok(Self::Known) };
        let (met, asked) = (pins.clone(), server.clone());
        let (pinned, acquaintance) = match pinned {
            Some(pin) if pin.key == presented => return Ok(Self::Known),
            Some(_) => {
                let change = move || Ok(met.change(&asked, presented)?);
                (blocking(change).await?, Self::Changed(presented))
            }
            None => {
                let pin = move || Ok(met.pin(&asked, presented)?);
                (Some(blocking(pin).await?), Self::New(presented))
            }
        };
        let server = server.clone();
        // Another process may have pinned another key in the meantime, or forgotten the server.
        match pinned {
            Some(pinned) if pinned == presented => Ok(acquaintance),
            Some(pinned) => {
                let pins = pins.path().to_owned();
                Err(IdentityError::Changed { server, presented, pinned, pins }.into())
            }
            None => Err(IdentityError::Unknown { server, presented }.into()),
        }
    }
}

/// Runs what reads or writes the disk beside the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ConnectError> + Send + 'static,
) -> Result<T, ConnectError> {
    spawn_blocking(work).await.unwrap_or_else(|panic| Err(ConnectError::Local(panic.to_string())))
}
