//! Detects that nobody listens on a UDP port.
//!
//! The message of ICMP that says so can be forged, and QUIC ignores it (RFC 9000, section 14.2.1). Here it only
//! decides when another address is tried, so a forged one costs a connection to another address, and nothing else.

use std::future::pending;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::UdpSocket;

/// Waits until the operating system says that the port is closed, for ever if it does not. The datagram that asks
/// is no packet of QUIC, and a server drops it.
///
/// # Cancel safety
/// Cancel safe.
pub(crate) async fn until_closed(peer: SocketAddr) {
    // Any other error says nothing about the port.
    match ask(peer).await {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
        _ => pending().await,
    }
}

/// Only a connected socket gets the errors of its peer. The sockets of connections are not connected, so that they
/// move along when this machine's route changes.
async fn ask(peer: SocketAddr) -> io::Result<usize> {
    let wildcard: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(wildcard).await?;
    socket.connect(peer).await?;
    socket.send(&[0]).await?;
    socket.recv(&mut [0]).await
}

#[cfg(test)]
mod tests;
