//! Who has not proven their address is sent at most three times as many bytes as came from there (RFC 9000,
//! section 8.1): somebody else may be behind it.
//!
//! quinn counts as well, but where a single byte is left it lets a whole datagram go. So what it sends to
//! those addresses is counted once more, at the socket, and what is too much is lost on the way. That
//! concerns only the few handshakes that are under way without a proof: for all others it is one look
//! at a flag.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The bytes of a first packet: fewer are none (RFC 9000, section 14.1). Those of a second one that came
/// with it are not known here, and not needed.
const FIRST_BYTES: usize = 1200;

/// How many times as much may be sent.
const FACTOR: usize = 3;

/// For how long is counted: also a handshake that is given up has a last word.
const TIME_MAX: Duration = Duration::from_secs(30);

/// How many addresses are counted at a time.
const ADDRESSES_MAX: usize = 1024;

/// What may be sent to addresses that are not proven.
#[derive(Debug, Clone, Default)]
pub(crate) struct Budgets {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Whether there are any.
    some: AtomicBool,
    addresses: Mutex<Addresses>,
}

#[derive(Debug, Default)]
struct Addresses {
    budgets: HashMap<SocketAddr, Budget>,
    /// Those that are proven, and how many connections stand there.
    proven: HashMap<SocketAddr, usize>,
}

#[derive(Debug)]
struct Budget {
    /// How many more bytes may be sent.
    left: usize,
    begun: Instant,
}

/// There are too many addresses that are not proven.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Budgets {
    /// Counts for an address from which a first packet has come, unless it is proven.
    ///
    /// # Errors
    /// [`TooMany`].
    pub(crate) fn open(&self, address: SocketAddr) -> Result<(), TooMany> {
        let Addresses { budgets, proven } = &mut *self.addresses();
        if proven.contains_key(&address) {
            return Ok(());
        }
        budgets.retain(|_, budget| budget.begun.elapsed() < TIME_MAX);
        let is_full = budgets.len() >= ADDRESSES_MAX;
        match budgets.entry(address) {
            // What came in its packet is counted already.
            Entry::Occupied(_) => {}
            Entry::Vacant(_) if is_full => return Err(TooMany),
            Entry::Vacant(new) => {
                new.insert(Budget { left: FACTOR * FIRST_BYTES, begun: Instant::now() });
            }
        }
        self.shared.some.store(true, Ordering::Release);
        Ok(())
    }

    /// Notes that a connection stands there, and counts no more.
    pub(crate) fn prove(&self, address: SocketAddr) {
        let Addresses { budgets, proven } = &mut *self.addresses();
        *proven.entry(address).or_default() += 1;
        budgets.remove(&address);
        self.shared.some.store(!budgets.is_empty(), Ordering::Release);
    }

    /// Notes that a connection has ended there.
    pub(crate) fn leave(&self, address: SocketAddr) {
        if let Entry::Occupied(mut connections) = self.addresses().proven.entry(address) {
            *connections.get_mut() -= 1;
            if *connections.get() == 0 {
                connections.remove();
            }
        }
    }

    /// Notes bytes that came from there.
    pub(crate) fn earn(&self, address: &SocketAddr, bytes: usize) {
        if self.shared.some.load(Ordering::Acquire)
            && let Some(budget) = self.addresses().budgets.get_mut(address)
        {
            budget.left = budget.left.saturating_add(FACTOR.saturating_mul(bytes));
        }
    }

    /// Whether so many bytes may be sent there; they are counted as sent then.
    pub(crate) fn spend(&self, address: &SocketAddr, bytes: usize) -> bool {
        if !self.shared.some.load(Ordering::Acquire) {
            return true;
        }
        let mut addresses = self.addresses();
        let Some(budget) = addresses.budgets.get_mut(address) else { return true };
        let left = budget.left.checked_sub(bytes);
        budget.left = left.unwrap_or(budget.left);
        left.is_some()
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        self.shared.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddr {
        ([192, 0, 2, 1], port).into()
    }

    #[test]
    fn three_times_what_came_may_be_sent_and_no_byte_more() {
        let (budgets, here) = (Budgets::default(), address(1));
        assert!(budgets.spend(&here, 100_000), "nobody is counted");
        budgets.open(here).unwrap();
        for (bytes, expected) in
            [(1200, true), (1200, true), (138, true), (1200, false), (1062, true)]
        {
            assert_eq!(budgets.spend(&here, bytes), expected, "{bytes}");
        }
        assert!(!budgets.spend(&here, 1));
        budgets.earn(&here, 10);
        // Another first packet is no more than its bytes.
        budgets.open(here).unwrap();
        assert!(!budgets.spend(&here, 31));
        assert!(budgets.spend(&here, 30));
        assert!(budgets.spend(&address(2), 100_000), "another address");
        budgets.prove(here);
        assert!(budgets.spend(&here, 100_000));
    }

    #[test]
    fn who_is_connected_is_not_slowed_down_by_what_others_say_in_their_name() {
        let (budgets, here) = (Budgets::default(), address(1));
        budgets.prove(here);
        budgets.prove(here);
        budgets.leave(here);
        budgets.open(here).unwrap();
        assert!(budgets.spend(&here, 100_000), "a connection stands there yet");
        budgets.leave(here);
        budgets.open(here).unwrap();
        assert!(!budgets.spend(&here, 100_000));
    }

    #[test]
    fn so_many_addresses_are_counted_at_a_time() {
        let budgets = Budgets::default();
        let ports = 1..=u16::try_from(ADDRESSES_MAX).unwrap();
        for port in ports {
            budgets.open(address(port)).unwrap();
        }
        assert_eq!(budgets.open(address(5000)), Err(TooMany));
        budgets.open(address(1)).unwrap();
        budgets.prove(address(1));
        budgets.open(address(5000)).unwrap();
    }
}
