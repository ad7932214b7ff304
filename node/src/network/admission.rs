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

use crate::network::admission::counters::{Tallies, Tally};
use crate::network::auth_state::Standing;
use crate::network::ip_prefix::network;

/// How many connections are let in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caps {
    /// In all.
    pub(crate) all: Tally,
    /// From one address, or one network of IPv6.
    pub(crate) per_address: Tally,
}

/// How many connections may be there on which nobody is signed in, in all and from one address. After a
/// restart all who share an address come back at once; each is a stranger for some milliseconds.
const STRANGERS_MAX: usize = 512;
const STRANGERS_PER_ADDRESS_MAX: usize = 256;

/// How many handshakes may be under way. More wait with their clients, who ask again after a second.
const HANDSHAKES_MAX: usize = 256;

/// From here on addresses have to be proven.
const HANDSHAKES_UNPROVEN_MAX: usize = 32;
const STRANGERS_UNPROVEN_MAX: usize = 128;
const STRANGERS_UNPROVEN_PER_ADDRESS_MAX: usize = 64;

impl Caps {
    /// Those of a server that takes so many connections, in all and from one address.
    pub(crate) fn new(all: usize, per_address: usize) -> Self {
        let of = |all: usize, strangers: usize| Tally { all, strangers: strangers.min(all) };
        Self {
            all: of(all, STRANGERS_MAX),
            per_address: of(per_address.min(all), STRANGERS_PER_ADDRESS_MAX),
        }
    }
}

/// Keeps account of the connections that there are.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    caps: Caps,
    tallies: Arc<Mutex<Tallies>>,
}

/// Whether the address of a newcomer is known to be theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Address {
    Claimed,
    Proven,
}

/// What becomes of a newcomer.
#[derive(Debug)]
enum Verdict {
    Welcome(Handshake),
    ProveAddress,
    Refused,
    Ignored,
}

/// There are as many connections as may be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A handshake under way. Dropping it gives its place back.
#[derive(Debug)]
pub(crate) struct Handshake {
    admission: Admission,
    from: SocketAddr,
    /// The network that it counts for, where its address is proven.
    here: Option<IpAddr>,
    /// That of a proven address. A claimed one has none yet: it may be somebody else's.
    place: Option<Place>,
}

/// A connection's place. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    from: SocketAddr,
    standing: Standing,
}

impl Admission {
    pub(crate) fn new(caps: Caps) -> Self {
        Self { caps, tallies: Arc::default() }
    }

    /// Lets a newcomer in, or deals with them otherwise.
    pub(crate) fn receive(&self, incoming: Incoming) -> Option<(Incoming, Handshake)> {
        let from = incoming.remote_address();
        let address = match incoming.remote_address_validated() {
            true => Address::Proven,
            false => Address::Claimed,
        };
        match self.judge(from, address) {
            Verdict::Welcome(handshake) => return Some((incoming, handshake)),
            // It cannot fail: only who has proven their address may not be asked again.
            Verdict::ProveAddress => drop(incoming.retry()),
            Verdict::Refused => {
                tracing::debug!(%from, "there are too many connections: refused");
                incoming.refuse();
            }
            Verdict::Ignored => incoming.ignore(),
        }
        None
    }

    fn judge(&self, from: SocketAddr, address: Address) -> Verdict {
        let mut tallies = self.tallies();
        // A network may have as many under way as are left for all others: so there is always room for one more.
        let left = HANDSHAKES_MAX.saturating_sub(tallies.handshakes.all());
        let here = Some(network(from.ip())).filter(|_| address == Address::Proven);
        if left == 0 || here.is_some_and(|here| tallies.handshakes.of(&here) >= left) {
            return Verdict::Ignored;
        }
        let place = match address {
            Address::Claimed if self.is_under_pressure(&tallies, from) => {
                return Verdict::ProveAddress;
            }
            Address::Claimed => None,
            Address::Proven => match self.enter(&mut tallies, from) {
                Ok(place) => Some(place),
                Err(Full) => return Verdict::Refused,
            },
        };
        tallies.handshakes.begin(here);
        Verdict::Welcome(Handshake { admission: self.clone(), from, here, place })
    }

    fn is_under_pressure(&self, tallies: &Tallies, from: SocketAddr) -> bool {
        let here = tallies.of(&network(from.ip()));
        tallies.handshakes.all() >= HANDSHAKES_UNPROVEN_MAX
            || tallies.all.strangers >= STRANGERS_UNPROVEN_MAX
            || here.strangers >= STRANGERS_UNPROVEN_PER_ADDRESS_MAX
            || !tallies.all.has_room(self.caps.all)
            || !here.has_room(self.caps.per_address)
    }

    fn enter(&self, tallies: &mut Tallies, from: SocketAddr) -> Result<Place, Full> {
        let network = network(from.ip());
        let is_full = !tallies.all.has_room(self.caps.all)
            || !tallies.of(&network).has_room(self.caps.per_address);
        if is_full {
            return Err(Full);
        }
        let standing = Standing::Stranger;
        tallies.change(network, |tally| tally.enter(standing));
        Ok(Place { admission: self.clone(), from, standing })
    }

    fn tallies(&self) -> MutexGuard<'_, Tallies> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Handshake {
    /// The place of the connection that the handshake has made, which proves the address as well.
    ///
    /// # Errors
    /// [`Full`].
    pub(crate) fn done(mut self) -> Result<Place, Full> {
        match self.place.take() {
            Some(place) => Ok(place),
            None => self.admission.enter(&mut self.admission.tallies(), self.from),
        }
    }
}

impl Drop for Handshake {
    fn drop(&mut self) {
        self.admission.tallies().handshakes.end(self.here);
    }
}

impl Place {
    /// Counts the connection where it belongs now.
    pub(crate) fn stands(&mut self, standing: Standing) {
        let before = std::mem::replace(&mut self.standing, standing);
        self.admission.tallies().change(self.network(), |tally| {
            tally.leave(before);
            tally.enter(standing);
        });
    }

    /// Whether there are no more of its kind than may come.
    pub(crate) fn is_within_caps(&self) -> bool {
        let Caps { all, per_address } = self.admission.caps;
        let tallies = self.admission.tallies();
        tallies.all.is_within(all) && tallies.of(&self.network()).is_within(per_address)
    }

    /// Where the connection was made.
    pub(crate) fn network(&self) -> IpAddr {
        network(self.from.ip())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let standing = self.standing;
        let mut tallies = self.admission.tallies();
        tallies.change(network(self.from.ip()), |tally| tally.leave(standing));
    }
}

#[cfg(test)]
mod tests;
