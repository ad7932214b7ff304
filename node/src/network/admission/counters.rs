//! The counts.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;

use crate::network::auth_state::AuthState;

/// How many connections there are, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct ConnectionCount {
    /// With and without somebody signed in.
    pub(crate) all: usize,
    /// Those on which nobody is.
    pub(crate) signed_out: usize,
}

impl ConnectionCount {
    /// Whether one more stranger may come.
    pub(super) fn has_room(self, limits: Self) -> bool {
        self.all < limits.all && self.signed_out < limits.signed_out
    }

    /// Whether there are no more than may be.
    pub(super) fn is_within(self, limits: Self) -> bool {
        self.all <= limits.all && self.signed_out <= limits.signed_out
    }

    pub(super) fn enter(&mut self, auth_state: AuthState) {
        self.all += 1;
        self.signed_out += usize::from(auth_state == AuthState::SignedOut);
    }

    pub(super) fn leave(&mut self, auth_state: AuthState) {
        self.all -= 1;
        self.signed_out -= usize::from(auth_state == AuthState::SignedOut);
    }
}

/// The handshakes under way.
#[derive(Debug, Default)]
pub(super) struct Handshakes {
    /// Whether their address is proven or not.
    all: usize,
    /// Those whose address is, by their network. Whoever pretends to be there counts for nobody.
    proven: HashMap<IpAddr, usize>,
}

impl Handshakes {
    pub(super) fn all(&self) -> usize {
        self.all
    }

    pub(super) fn of(&self, network: &IpAddr) -> usize {
        self.proven.get(network).copied().unwrap_or_default()
    }

    pub(super) fn begin(&mut self, network: Option<IpAddr>) {
        self.all += 1;
        if let Some(network) = network {
            *self.proven.entry(network).or_default() += 1;
        }
    }

    pub(super) fn end(&mut self, network: Option<IpAddr>) {
        self.all -= 1;
        if let Some(Entry::Occupied(mut here)) = network.map(|network| self.proven.entry(network)) {
            *here.get_mut() -= 1;
            if *here.get() == 0 {
                here.remove();
            }
        }
    }
}

/// All counts.
#[derive(Debug, Default)]
pub(super) struct ConnectionCounters {
    pub(super) handshakes: Handshakes,
    pub(super) all: ConnectionCount,
    /// Only those networks that have a connection.
    networks: HashMap<IpAddr, ConnectionCount>,
}

impl ConnectionCounters {
    pub(super) fn of(&self, network: &IpAddr) -> ConnectionCount {
        self.networks.get(network).copied().unwrap_or_default()
    }

    /// Changes the counts of a network, and those of all.
    pub(super) fn change(&mut self, network: IpAddr, change: impl Fn(&mut ConnectionCount)) {
        change(&mut self.all);
        let here = self.networks.entry(network).or_default();
        change(here);
        if *here == ConnectionCount::default() {
            self.networks.remove(&network);
        }
    }

    #[cfg(test)]
    pub(super) fn networks(&self) -> usize {
        self.networks.len()
    }
}
