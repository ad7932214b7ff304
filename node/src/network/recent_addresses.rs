//! A map from recent source addresses to a value. An address is forgotten after as many other addresses as the map has
//! room for.
//!
//! Only `amplification.rs` uses it, and both become unnecessary together.

use std::collections::HashMap;
use std::net::SocketAddr;

/// Two generations of addresses. A full young generation replaces the old one, so nothing needs sorting or
/// cleaning up.
#[derive(Debug)]
pub(crate) struct RecentAddresses<T> {
    young: HashMap<SocketAddr, T>,
    old: HashMap<SocketAddr, T>,
    generation_max: usize,
}

impl<T> RecentAddresses<T> {
    /// A map of at least this many addresses, and at most twice as many.
    pub(crate) fn new(generation_max: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), generation_max }
    }

    pub(crate) fn get_mut(&mut self, address: &SocketAddr) -> Option<&mut T> {
        self.young.get_mut(address).or_else(|| self.old.get_mut(address))
    }

    pub(crate) fn remove(&mut self, address: &SocketAddr) -> Option<T> {
        self.young.remove(address).or_else(|| self.old.remove(address))
    }

    /// Puts an address with its value among the latest.
    pub(crate) fn insert(&mut self, address: SocketAddr, value: T) {
        self.old.remove(&address);
        if !self.young.contains_key(&address) {
            self.make_room();
        }
        self.young.insert(address, value);
    }

    fn make_room(&mut self) {
        if self.young.len() >= self.generation_max {
            self.old = std::mem::take(&mut self.young);
        }
    }
}

impl<T: Default> RecentAddresses<T> {
    /// Puts an address among the latest, and returns its value.
    pub(crate) fn touch(&mut self, address: SocketAddr) -> &mut T {
        if !self.young.contains_key(&address) {
            let known = self.old.remove(&address).unwrap_or_default();
            self.make_room();
            self.young.insert(address, known);
        }
        self.young.entry(address).or_default()
    }
}

#[cfg(test)]
mod tests;
