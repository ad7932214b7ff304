//! How the key that a server presents was known before, and the pinning of a new one.

use qchat_proto::Fingerprint;

use crate::address::{ServerAddress, ServerAddresses};
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
    pub(crate) fn of(rule: &Rule, server: &ServerAddress, presented: Fingerprint) -> Self {
        let Rule::Known { listed, .. } = rule else { return Self::Known };
        match listed.of(server) {
            None if listed.are_none() => Self::New(presented),
            Some(pin) if pin.key != presented => Self::Changed(presented),
            // If only another address of the server is known, then by the same key.
            None | Some(_) => Self::Known,
        }
    }
}

impl Rule {
    /// Pins the key of a server that has proved at `address` in the handshake that it holds the key, for all its
    /// addresses. Reads and writes the disk.
    ///
    /// # Errors
    /// [`ConnectError::Pins`]; [`ConnectError::Identity`] if another process has pinned another key in the
    /// meantime, or has forgotten the server.
    pub(crate) fn pin(
        &self,
        server: &ServerAddresses,
        address: &ServerAddress,
        presented: Fingerprint,
    ) -> Result<KeyStatus, ConnectError> {
        let status = KeyStatus::of(self, address, presented);
        let Self::Known { pins, listed, .. } = self else { return Ok(status) };
        let pinned = match status {
            KeyStatus::Known if listed.are_complete() => return Ok(status),
            KeyStatus::Known => {
                // The key is known already. If this fails, the next connection tries again.
                let _ = pins.pin_all(server, presented);
                return Ok(status);
            }
            KeyStatus::New(key) => {
                pins.pin_all(server, key)?;
                pins.lookup(address)?.map(|pin| pin.key)
            }
            KeyStatus::Changed(key) => pins.change(address, key)?,
        };
        let server = address.clone();
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
