//! Admission of connections: limits on connections and handshakes, in all and from one address, signed in or
//! not.
//!
//! With little load, every connection is admitted at once. Under load, an address has to be validated first
//! by a Retry packet (RFC 9000, section 8.1.2), which costs the server no memory: a client with a forged
//! source address gets no further, and uses no slot of that address. Beyond the limit of handshakes nothing
//! is answered, and a client's QUIC repeats its first packet by itself.

mod counters;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};

use quinn::Incoming;

use crate::lock::lock;
use crate::network::admission::counters::{ConnectionCount, ConnectionCounters};
use crate::network::auth_state::AuthState;
use crate::network::ip_prefix::network;

/// The limits on connections.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// In all.
    pub(crate) all: ConnectionCount,
    /// From one IPv4 address or one IPv6 /64 prefix.
    pub(crate) per_address: ConnectionCount,
}

/// Signed-out connections at a time, in all and from one address. After a restart, all clients that share an
/// address come back at once, and each is signed out for some milliseconds.
const SIGNED_OUT_MAX: usize = 512;
const SIGNED_OUT_PER_ADDRESS_MAX: usize = 256;

/// Handshakes at a time. Further clients repeat their first packet after a second.
const HANDSHAKES_MAX: usize = 256;

/// From these numbers on, addresses have to be validated.
const HANDSHAKES_UNVALIDATED_MAX: usize = 32;
const SIGNED_OUT_UNVALIDATED_MAX: usize = 128;
const SIGNED_OUT_UNVALIDATED_PER_ADDRESS_MAX: usize = 64;

impl ConnectionLimits {
    /// The limits of a server that takes so many connections, in all and from one address.
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        let of = |all: usize, signed_out: usize| ConnectionCount {
            all,
            signed_out: signed_out.min(all),
        };
        Self {
            all: of(all, SIGNED_OUT_MAX),
            per_address: of(per_address.min(all), SIGNED_OUT_PER_ADDRESS_MAX),
        }
    }
}

/// Counts the connections, and decides on new ones.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    counters: Arc<Mutex<ConnectionCounters>>,
}

/// Whether the source address of a new connection is validated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressValidation {
    Claimed,
    Validated,
}

/// The decision on a new connection.
#[derive(Debug)]
enum Decision {
    Admit(Handshake),
    Retry,
    Refuse,
    Ignore,
}

/// The server has as many connections as it may have.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerFull;

/// A handshake under way. Dropping it frees its slot.
#[derive(Debug)]
pub(crate) struct Handshake {
    admission: Admission,
    from: SocketAddr,
    /// The network that the handshake counts for, if its address is validated.
    network: Option<IpAddr>,
    /// The slot of a validated address. A claimed address has none yet: it may be forged.
    slot: Option<ConnectionSlot>,
}

/// The slot of a connection. Dropping it frees the slot.
#[derive(Debug)]
pub(crate) struct ConnectionSlot {
    admission: Admission,
    from: SocketAddr,
    auth_state: AuthState,
}

impl Admission {
    pub(crate) fn new(limits: ConnectionLimits) -> Self {
        Self { limits, counters: Arc::default() }
    }

    /// Admits a new connection, or answers it with a Retry, a refusal or nothing.
    pub(crate) fn receive(&self, incoming: Incoming) -> Option<(Incoming, Handshake)> {
        let from = incoming.remote_address();
        let address = match incoming.remote_address_validated() {
            true => AddressValidation::Validated,
            false => AddressValidation::Claimed,
        };
        match self.decide(from, address) {
            Decision::Admit(handshake) => return Some((incoming, handshake)),
            // This cannot fail: only a validated address may not be asked again.
            Decision::Retry => drop(incoming.retry()),
            Decision::Refuse => {
                tracing::debug!(%from, "there are too many connections: refused");
                incoming.refuse();
            }
            Decision::Ignore => incoming.ignore(),
        }
        None
    }

    fn decide(&self, from: SocketAddr, address: AddressValidation) -> Decision {
        let mut counters = self.counters();
        // A network may have as many handshakes as are left for all others, so one more network always finds
        // room.
        let left = HANDSHAKES_MAX.saturating_sub(counters.handshakes.all());
        let network = Some(network(from.ip())).filter(|_| address == AddressValidation::Validated);
        if left == 0 || network.is_some_and(|network| counters.handshakes.of(&network) >= left) {
            return Decision::Ignore;
        }
        let slot = match address {
            AddressValidation::Claimed if self.is_under_pressure(&counters, from) => {
                return Decision::Retry;
            }
            AddressValidation::Claimed => None,
            AddressValidation::Validated => match self.take_slot(&mut counters, from) {
                Ok(slot) => Some(slot),
                Err(ServerFull) => return Decision::Refuse,
            },
        };
        counters.handshakes.begin(network);
        Decision::Admit(Handshake { admission: self.clone(), from, network, slot })
    }

    fn is_under_pressure(&self, counters: &ConnectionCounters, from: SocketAddr) -> bool {
        let of_network = counters.of(&network(from.ip()));
        counters.handshakes.all() >= HANDSHAKES_UNVALIDATED_MAX
            || counters.all.signed_out >= SIGNED_OUT_UNVALIDATED_MAX
            || of_network.signed_out >= SIGNED_OUT_UNVALIDATED_PER_ADDRESS_MAX
            || !counters.all.has_room(self.limits.all)
            || !of_network.has_room(self.limits.per_address)
    }

    fn take_slot(
        &self,
        counters: &mut ConnectionCounters,
        from: SocketAddr,
    ) -> Result<ConnectionSlot, ServerFull> {
        let network = network(from.ip());
        let is_full = !counters.all.has_room(self.limits.all)
            || !counters.of(&network).has_room(self.limits.per_address);
        if is_full {
            return Err(ServerFull);
        }
        let auth_state = AuthState::SignedOut;
        counters.change(network, |count| count.add(auth_state));
        Ok(ConnectionSlot { admission: self.clone(), from, auth_state })
    }

    fn counters(&self) -> MutexGuard<'_, ConnectionCounters> {
        lock(&self.counters)
    }
}

impl Handshake {
    /// The slot of the connection that the handshake has made. A complete handshake validates the address.
    ///
    /// # Errors
    /// [`ServerFull`].
    pub(crate) fn complete(mut self) -> Result<ConnectionSlot, ServerFull> {
        match self.slot.take() {
            Some(slot) => Ok(slot),
            None => self.admission.take_slot(&mut self.admission.counters(), self.from),
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.admission.counters().handshakes.end(self.network);
    }
}

impl ConnectionSlot {
    /// Moves the connection between the signed-in and signed-out counts.
    pub(crate) fn count_as(&mut self, auth_state: AuthState) {
        let before = std::mem::replace(&mut self.auth_state, auth_state);
        self.admission.counters().change(self.network(), |count| {
            count.remove(before);
            count.add(auth_state);
        });
    }

    /// Whether the connections are within the limits, in all and from this address.
    pub(crate) fn is_within_limits(&self) -> bool {
        let ConnectionLimits { all, per_address } = self.admission.limits;
        let counters = self.admission.counters();
        counters.all.is_within(all) && counters.of(&self.network()).is_within(per_address)
    }

    /// The network of the address at which the connection was made.
    pub(crate) fn network(&self) -> IpAddr {
        network(self.from.ip())
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let auth_state = self.auth_state;
        let mut counters = self.admission.counters();
        counters.change(network(self.from.ip()), |count| count.remove(auth_state));
    }
}

#[cfg(test)]
mod tests;
