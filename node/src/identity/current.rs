//! What the server shows of itself to those who connect.

use qchat_proto::command::ServerKeys;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The identity that is in use, as far as others may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PublicIdentity {
    pub(crate) keys: ServerKeys,
    /// When the certificate expires.
    pub(crate) expires: OffsetDateTime,
}

/// The identity that is in use, for those who wait for another. There is none before the server has
/// started.
#[derive(Debug)]
pub(crate) struct CurrentIdentity(watch::Sender<Option<PublicIdentity>>);

impl Default for CurrentIdentity {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl CurrentIdentity {
    /// Notes what is in use from now on.
    pub(crate) fn set(&self, identification: PublicIdentity) {
        self.0.send_replace(Some(identification));
    }

    /// What is in use, and whatever will be.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<PublicIdentity>> {
        self.0.subscribe()
    }
}
