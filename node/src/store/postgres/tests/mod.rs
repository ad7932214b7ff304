//! Tests of the engine on a real PostgreSQL. They are skipped where none is installed.

mod drivers;
mod faults;
pub(in crate::store) mod local_server;
mod proxy;
mod start;

use super::{DatabaseAddress, Membership, Node, SharedKeys};

/// The membership of a server in a database of the tests.
pub(in crate::store) fn membership(url: &str, name: &str) -> Membership {
    Membership {
        address: DatabaseAddress::read(url, |_| None).unwrap(),
        node: Node { name: name.to_owned(), addr: "127.0.0.1:4433".to_owned() },
        keys: SharedKeys { current: "SHA256:ours".to_owned(), next: None },
    }
}
