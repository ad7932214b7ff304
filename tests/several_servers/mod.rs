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

use crate::harness::{Client, Server, Stopped, address_for_later};

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

/// A machine that runs beside another one, with the accounts and sessions that both have by now.
fn beside(stopped: Stopped) -> (Server, Server) {
    let copy = stopped.copy();
    (stopped.start(), copy.start_at(&address_for_later()))
}
