//! What the server shows of itself to those who connect.

use qchat_proto::command::ServerKeys;
use time::OffsetDateTime;
use tokio::sync::watch;

/// The identity that is in use, as far as others may know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Identification {
    pub(crate) keys: ServerKeys,
    /// When the certificate expires.
    pub(crate) expires: OffsetDateTime,
}

/// The identity that is in use, for those who wait for another. There is none before the server has
/// started.
#[derive(Debug)]
pub(crate) struct Shown(watch::Sender<Option<Identification>>);

impl Default for Shown {
    fn default() -> Self {
        Self(watch::Sender::new(None))
    }
}

impl Shown {
    /// Notes what is in use from now on.
    pub(crate) fn set(&self, identification: Identification) {
        self.0.send_replace(Some(identification));
    }

    /// What is in use, and whatever will be.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Identification>> {
        self.0.subscribe()
    }
}
