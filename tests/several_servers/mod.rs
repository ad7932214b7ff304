//! A server of several machines, to which a client has several addresses.
//!
//! One store has one process at a time. So one machine follows another on the same folders, or a copy of both runs
//! beside it, or one process is reached on two paths.

mod arguments;
mod drain;
mod kills;
mod names;
mod postgres;
mod silence;
mod transfers;

use std::net::UdpSocket;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::harness::{Client, Server, Stopped};

/// An address for a server that starts later. Its port is below those that the system gives to sockets, so that no
/// client of another test takes it meanwhile.
fn address_for_later() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id().wrapping_mul(97) + NEXT.fetch_add(1, Ordering::Relaxed);
        let address = format!("127.0.0.1:{}", 20_000 + number % 12_000);
        if UdpSocket::bind(&address).is_ok() {
            return address;
        }
    }
}

/// The addresses of two machines, the second of which need not run.
struct Addresses {
    second: String,
    /// The value of `--server`.
    both: String,
}

impl Addresses {
    fn of(first: &Server) -> Self {
        let second = address_for_later();
        Self { both: format!("{},{second}", first.address), second }
    }

    /// The same device with these addresses.
    fn given_to(&self, client: Client, server: &Server) -> Client {
        client.pointed_at(&["--server", &self.both, "--fingerprint", &server.fingerprint])
    }
}

/// A machine with a copy of all data of another one. It starts once the clients are connected to the other.
struct Beside {
    stopped: Stopped,
    address: String,
}

impl Beside {
    fn of(stopped: &Stopped) -> Self {
        Self { stopped: stopped.copy(), address: address_for_later() }
    }

    fn start(self) -> Server {
        self.stopped.start_at(&self.address)
    }
}
