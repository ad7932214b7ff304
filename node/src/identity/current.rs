//! The identity in use, for the tasks and commands that wait for its change.

use qchat_proto::command::ServerKeys;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The public part of an identity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicIdentity {
    pub(crate) keys: ServerKeys,
    /// The expiry of the certificate.
    pub(crate) expires: OffsetDateTime,
}

/// The public identity in use. It is `None` until the server has started.
#[derive(Debug)]
pub(crate) struct CurrentIdentity(watch::Sender<Option<PublicIdentity>>);

impl Default for CurrentIdentity {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl CurrentIdentity {
    /// Sets the identity that is in use from now on.
    pub(crate) fn set(&self, identity: PublicIdentity) {
        self.0.send_replace(Some(identity));
    }

    /// A receiver of the current and each later identity.
    pub(crate) fn subscribe(&self) -> watch::Receiver<Option<PublicIdentity>> {
        self.0.subscribe()
    }
}
