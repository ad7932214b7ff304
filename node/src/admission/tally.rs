//! The counts.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::session::Standing;

/// How many connections there are, or may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Tally {
    /// With and without somebody signed in.
    pub(crate) all: usize,
    /// Those on which nobody is.
    pub(crate) strangers: usize,
}

impl Tally {
    /// Whether one more stranger may come.
    pub(super) fn has_room(self, caps: Self) -> bool {
        self.all < caps.all && self.strangers < caps.strangers
    }

    pub(super) fn enter(&mut self, standing: Standing) {
        self.all += 1;
        self.strangers += usize::from(standing == Standing::Stranger);
    }

    pub(super) fn leave(&mut self, standing: Standing) {
        self.all -= 1;
        self.strangers -= usize::from(standing == Standing::Stranger);
    }
}

/// All counts.
#[derive(Debug, Default)]
pub(super) struct Tallies {
    /// Those under way, whether their address is proven or not.
    pub(super) handshakes: usize,
    pub(super) all: Tally,
    /// Only those networks that have a connection.
    networks: HashMap<IpAddr, Tally>,
}

impl Tallies {
    pub(super) fn of(&self, network: &IpAddr) -> Tally {
        self.networks.get(network).copied().unwrap_or_default()
    }

    /// Changes the counts of a network, and those of all.
    pub(super) fn change(&mut self, network: IpAddr, change: impl Fn(&mut Tally)) {
        change(&mut self.all);
        let here = self.networks.entry(network).or_default();
        change(here);
        if *here == Tally::default() {
            self.networks.remove(&network);
        }
    }

    #[cfg(test)]
    pub(super) fn networks(&self) -> usize {
        self.networks.len()
    }
}
