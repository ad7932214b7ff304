//! Who is let in: how many connections there may be, in all and from one address, with and without
//! somebody signed in, and how many handshakes at a time.
//!
//! While little goes on, everybody is let in at once. Under pressure an address has to be proven first, by a
//! packet that goes there and back (RFC 9000, section 8.1.2), which costs us no memory: whoever
//! pretends to be somebody else gets no further, and takes nobody's place. Beyond that nothing is
//! answered, and a client asks again by itself.

mod counters;

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Incoming;

use crate::network::admission::counters::{ConnectionCount, ConnectionCounters};
use crate::network::auth_state::AuthState;
use crate::network::ip_prefix::network;

/// How many connections are let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ConnectionLimits {
    /// In all.
    pub(crate) all: ConnectionCount,
    /// From one address, or one network of IPv6.
    pub(crate) per_address: ConnectionCount,
}

/// How many connections may be there on which nobody is signed in, in all and from one address. After a
/// restart all who share an address come back at once; each is a stranger for some milliseconds.
const SIGNED_OUT_MAX: usize = 512;
const SIGNED_OUT_PER_ADDRESS_MAX: usize = 256;

/// How many handshakes may be under way. More wait with their clients, who ask again after a second.
const HANDSHAKES_MAX: usize = 256;

/// From here on addresses have to be proven.
const HANDSHAKES_UNPROVEN_MAX: usize = 32;
const SIGNED_OUT_UNPROVEN_MAX: usize = 128;
const SIGNED_OUT_UNPROVEN_PER_ADDRESS_MAX: usize = 64;

impl ConnectionLimits {
    /// Those of a server that takes so many connections, in all and from one address.
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

/// Keeps account of the connections that there are.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    limits: ConnectionLimits,
    counters: Arc<Mutex<ConnectionCounters>>,
}

/// Whether the address of a newcomer is known to be theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AddressProof {
    Claimed,
    Proven,
}

/// What becomes of a newcomer.
#[derive(Debug)]
enum Decision {
    Welcome(Handshake),
    ProveAddress,
    Refused,
    Ignored,
}

/// There are as many connections as may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ServerFull;

/// A handshake under way. Dropping it gives its place back.
#[derive(Debug)]
pub(crate) struct Handshake {
    admission: Admission,
    from: SocketAddr,
    /// The network that it counts for, where its address is proven.
    here: Option<IpAddr>,
    /// That of a proven address. A claimed one has none yet: it may be somebody else's.
    place: Option<ConnectionSlot>,
}

/// A connection's place. Dropping it gives it back.
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

    /// Lets a newcomer in, or deals with them otherwise.
    pub(crate) fn receive(&self, incoming: Incoming) -> Option<(Incoming, Handshake)> {
        let from = incoming.remote_address();
        let address = match incoming.remote_address_validated() {
            true => AddressProof::Proven,
            false => AddressProof::Claimed,
        };
        match self.judge(from, address) {
            Decision::Welcome(handshake) => return Some((incoming, handshake)),
            // It cannot fail: only who has proven their address may not be asked again.
            Decision::ProveAddress => drop(incoming.retry()),
            Decision::Refused => {
                tracing::debug!(%from, "there are too many connections: refused");
                incoming.refuse();
            }
            Decision::Ignored => incoming.ignore(),
        }
        None
    }

    fn judge(&self, from: SocketAddr, address: AddressProof) -> Decision {
        let mut counters = self.counters();
        // A network may have as many under way as are left for all others: so there is always room for one more.
        let left = HANDSHAKES_MAX.saturating_sub(counters.handshakes.all());
        let here = Some(network(from.ip())).filter(|_| address == AddressProof::Proven);
        if left == 0 || here.is_some_and(|here| counters.handshakes.of(&here) >= left) {
            return Decision::Ignored;
        }
        let place = match address {
            AddressProof::Claimed if self.is_under_pressure(&counters, from) => {
                return Decision::ProveAddress;
            }
            AddressProof::Claimed => None,
            AddressProof::Proven => match self.enter(&mut counters, from) {
                Ok(place) => Some(place),
                Err(ServerFull) => return Decision::Refused,
            },
        };
        counters.handshakes.begin(here);
        Decision::Welcome(Handshake { admission: self.clone(), from, here, place })
    }

    fn is_under_pressure(&self, counters: &ConnectionCounters, from: SocketAddr) -> bool {
        let here = counters.of(&network(from.ip()));
        counters.handshakes.all() >= HANDSHAKES_UNPROVEN_MAX
            || counters.all.signed_out >= SIGNED_OUT_UNPROVEN_MAX
            || here.signed_out >= SIGNED_OUT_UNPROVEN_PER_ADDRESS_MAX
            || !counters.all.has_room(self.limits.all)
            || !here.has_room(self.limits.per_address)
    }

    fn enter(
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
        counters.change(network, |count| count.enter(auth_state));
        Ok(ConnectionSlot { admission: self.clone(), from, auth_state })
    }

    fn counters(&self) -> MutexGuard<'_, ConnectionCounters> {
        self.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake {
    /// The place of the connection that the handshake has made, which proves the address as well.
    ///
    /// # Errors
    /// [`ServerFull`].
    pub(crate) fn done(mut self) -> Result<ConnectionSlot, ServerFull> {
        match self.place.take() {
            Some(place) => Ok(place),
            None => self.admission.enter(&mut self.admission.counters(), self.from),
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.admission.counters().handshakes.end(self.here);
    }
}

impl ConnectionSlot {
    /// Counts the connection where it belongs now.
    pub(crate) fn count_as(&mut self, auth_state: AuthState) {
        let before = std::mem::replace(&mut self.auth_state, auth_state);
        self.admission.counters().change(self.network(), |count| {
            count.leave(before);
            count.enter(auth_state);
        });
    }

    /// Whether there are no more of its kind than may come.
    pub(crate) fn is_within_limits(&self) -> bool {
        let ConnectionLimits { all, per_address } = self.admission.limits;
        let counters = self.admission.counters();
        counters.all.is_within(all) && counters.of(&self.network()).is_within(per_address)
    }

    /// Where the connection was made.
    pub(crate) fn network(&self) -> IpAddr {
        network(self.from.ip())
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        let auth_state = self.auth_state;
        let mut counters = self.admission.counters();
        counters.change(network(self.from.ip()), |count| count.leave(auth_state));
    }
}

#[cfg(test)]
mod tests;
