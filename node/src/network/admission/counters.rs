//! Counters of connections and handshakes.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use crate::network::auth_state::AuthState;

/// A number of connections, or a limit on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ConnectionCount {
    /// All connections, signed in or not.
    pub(crate) all: usize,
    /// Signed-out connections.
    pub(crate) signed_out: usize,
}

impl ConnectionCount {
    /// Whether one more signed-out connection may come.
    pub(super) fn has_room(self, limits: Self) -> bool {
        self.all < limits.all && self.signed_out < limits.signed_out
    }

    /// Whether the numbers are within the limits.
    pub(super) fn is_within(self, limits: Self) -> bool {
        self.all <= limits.all && self.signed_out <= limits.signed_out
    }

    pub(super) fn add(&mut self, auth_state: AuthState) {
        self.all += 1;
        self.signed_out += usize::from(auth_state == AuthState::SignedOut);
    }

    pub(super) fn remove(&mut self, auth_state: AuthState) {
        self.all -= 1;
        self.signed_out -= usize::from(auth_state == AuthState::SignedOut);
    }
}

/// The handshakes under way.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// All handshakes, with validated addresses or not.
    all: usize,
    /// Handshakes with validated addresses, by their network. A forged address counts for no network.
    validated: HashMap<IpAddr, usize>,
}

impl Handshakes {
    pub(super) fn all(&self) -> usize {
        self.all
    }

    pub(super) fn of(&self, network: &IpAddr) -> usize {
        self.validated.get(network).copied().unwrap_or_default()
    }

    pub(super) fn begin(&mut self, network: Option<IpAddr>) {
        self.all += 1;
        if let Some(network) = network {
            *self.validated.entry(network).or_default() += 1;
        }
    }

    pub(super) fn end(&mut self, network: Option<IpAddr>) {
        self.all -= 1;
        if let Some(Entry::Occupied(mut count)) =
            network.map(|network| self.validated.entry(network))
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// All counters.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounters {
    pub(super) handshakes: Handshakes,
    pub(super) all: ConnectionCount,
    /// Networks that have a connection.
    networks: HashMap<IpAddr, ConnectionCount>,
}

impl ConnectionCounters {
    pub(super) fn of(&self, network: &IpAddr) -> ConnectionCount {
        self.networks.get(network).copied().unwrap_or_default()
    }

    /// Changes the counts of a network, and those of all.
    pub(super) fn change(&mut self, network: IpAddr, change: impl Fn(&mut ConnectionCount)) {
        change(&mut self.all);
        let count = self.networks.entry(network).or_default();
        change(count);
        if *count == ConnectionCount::default() {
            self.networks.remove(&network);
        }
    }

    #[cfg(test)]
    pub(super) fn networks(&self) -> usize {
        self.networks.len()
    }
}
