//! The pins of the addresses of one server, which have to agree.

use qchat_proto::Fingerprint;

use crate::address::{ServerAddress, ServerAddresses};
use crate::error::{ConnectError, DifferentKeys, IdentityError};
use crate::trust::known_servers::{Pin, PinFile};

/// The pins of the addresses of one server, as far as there are any.
#[derive(Debug)]
pub(crate) struct ListedPins(Vec<(ServerAddress, Option<Pin>)>);

impl ListedPins {
    /// Reads the pins.
    ///
    /// # Errors
    /// [`ConnectError::Pins`]; [`ConnectError::Identity`] if two addresses are known by different keys.
    pub(crate) fn load(pins: &PinFile, server: &ServerAddresses) -> Result<Self, ConnectError> {
        let listed = Self(pins.lookup_all(server)?);
        for (address, pin) in listed.pinned() {
            let differs = |(_, other): &(&ServerAddress, &Pin)| !other.shares_key(pin);
            if let Some((other, known)) = listed.pinned().find(differs) {
                // The first of the list counts as known.
                let (server, other) = (other.clone(), address.clone());
                let (presented, known, pins) = (known.key, pin.key, pins.path().to_owned());
                let differing = DifferentKeys { server, presented, other, known, pins };
                return Err(IdentityError::from(differing).into());
            }
        }
        Ok(listed)
    }

    fn pinned(&self) -> impl Iterator<Item = (&ServerAddress, &Pin)> {
        self.0.iter().filter_map(|(address, pin)| Some((address, pin.as_ref()?)))
    }

    /// The pin of this address.
    pub(crate) fn of(&self, address: &ServerAddress) -> Option<&Pin> {
        self.pinned().find(|(known, _)| *known == address).map(|(_, pin)| pin)
    }

    /// Another address with its pin.
    pub(crate) fn beside(&self, address: &ServerAddress) -> Option<(&ServerAddress, &Pin)> {
        self.pinned().find(|(known, _)| *known != address)
    }

    /// Whether no address has a pin.
    pub(crate) fn are_none(&self) -> bool {
        self.pinned().next().is_none()
    }

    /// Whether each address has a pin.
    pub(crate) fn are_complete(&self) -> bool {
        self.0.iter().all(|(_, pin)| pin.is_some())
    }

    /// Whether the key is pinned or announced for one of the addresses.
    pub(crate) fn accept(&self, presented: Fingerprint) -> bool {
        self.pinned().any(|(_, pin)| pin.has(presented))
    }
}
