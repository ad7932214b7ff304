//! From where somebody is signed in.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::session::Standing;
use crate::socket::Trust;

/// The addresses from which somebody is signed in, and on how many connections.
#[derive(Debug, Clone, Default)]
pub(crate) struct Friends {
    addresses: Arc<Mutex<HashMap<SocketAddr, usize>>>,
}

impl Friends {
    /// Notes that a connection from there stood like this, and stands like that.
    pub(super) fn change(&self, address: SocketAddr, change: (Standing, Standing)) {
        let mut addresses = self.addresses();
        match change {
            (Standing::Stranger, Standing::Signed) => *addresses.entry(address).or_default() += 1,
            (Standing::Signed, Standing::Stranger) => {
                let Some(connections) = addresses.get_mut(&address) else { return };
                *connections -= 1;
                if *connections == 0 {
                    addresses.remove(&address);
                }
            }
            (Standing::Stranger, Standing::Stranger) | (Standing::Signed, Standing::Signed) => {}
        }
    }

    pub(super) fn addresses(&self) -> MutexGuard<'_, HashMap<SocketAddr, usize>> {
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trust for Friends {
    fn is_trusted(&self, address: &SocketAddr) -> bool {
        self.addresses().contains_key(address)
    }
}
