//! How the key that a server presents was known before, and the pinning of a new one.

use qchat_proto::Fingerprint;

use crate::address::ServerAddress;
use crate::error::{ConnectError, IdentityError};
use crate::trust::verifier::Rule;

/// How the key that a server presents is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    /// The key was known before, or was asked for, or an authority vouches for it.
    Known,
    /// The server is new here; its key is pinned now.
    New(Fingerprint),
    /// The server had announced this key; it is pinned now in place of the old one.
    Changed(Fingerprint),
}

impl KeyStatus {
    /// The status of a key that this rule has accepted.
    pub(crate) fn of(rule: &Rule, presented: Fingerprint) -> Self {
        match rule {
            Rule::Known { pinned: None, .. } => Self::New(presented),
            Rule::Known { pinned: Some(pin), .. } if pin.key != presented => {
                Self::Changed(presented)
            }
            Rule::Known { .. } | Rule::Key(_) | Rule::Authority(_) => Self::Known,
        }
    }
}

impl Rule {
    /// Pins the key of a server that has proved in the handshake that it holds the key. Reads and writes the
    /// disk.
    ///
    /// # Errors
    /// [`ConnectError::Pins`]; [`ConnectError::Identity`] if another process has pinned another key in the
    /// meantime, or has forgotten the server.
    pub(crate) fn pin(
        &self,
        server: &ServerAddress,
        presented: Fingerprint,
    ) -> Result<KeyStatus, ConnectError> {
        let status = KeyStatus::of(self, presented);
        let Self::Known { pins, .. } = self else { return Ok(status) };
        let pinned = match status {
            KeyStatus::Known => return Ok(status),
            KeyStatus::New(key) => Some(pins.pin(server, key)?),
            KeyStatus::Changed(key) => pins.change(server, key)?,
        };
        let server = server.clone();
        match pinned {
            Some(pinned) if pinned == presented => Ok(status),
            Some(pinned) => {
                let pins = pins.path().to_owned();
                Err(IdentityError::Changed { server, presented, pinned, pins }.into())
            }
            None => Err(IdentityError::Unknown { server, presented }.into()),
        }
    }
}
