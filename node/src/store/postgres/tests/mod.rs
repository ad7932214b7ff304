//! Tests of the engine on a real PostgreSQL. They are skipped where none is installed.

mod conformance;
mod drivers;
mod faults;
pub(in crate::store) mod local_server;
mod proxy;
mod start;

use tokio_postgres::NoTls;

use self::local_server::LocalServer;
use super::{DatabaseAddress, Membership, Node, SharedKeys};

/// The membership of a server in a database of the tests.
pub(in crate::store) fn membership(url: &str, name: &str) -> Membership {
    Membership {
        address: DatabaseAddress::read(url, |_| None).unwrap(),
        node: Node { name: name.to_owned(), addr: "127.0.0.1:4433".to_owned() },
        keys: SharedKeys { current: "SHA256:ours".to_owned(), next: None },
    }
}

/// A connection past qchat.
pub(in crate::store) async fn admin(
    server: &LocalServer,
    database: &str,
) -> tokio_postgres::Client {
    let url = server.url(database);
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}
