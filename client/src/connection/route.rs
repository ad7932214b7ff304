//! The order in which the addresses of a server are tried.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use crate::address::{AddressError, ServerAddress, ServerAddresses};

/// The address at which a server was reached: the one that was asked for, and the one that its name stands for.
///
/// As text both with a blank between them: `chat.example.org:4433 192.0.2.7:4433`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    server: ServerAddress,
    ip: SocketAddr,
}

impl Route {
    pub(crate) fn new(server: ServerAddress, ip: SocketAddr) -> Self {
        Self { server, ip }
    }

    /// The address that was asked for.
    pub fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// The IP address and port.
    pub(crate) fn ip(&self) -> SocketAddr {
        self.ip
    }
}

impl fmt::Display for Route {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.server, self.ip)
    }
}

impl FromStr for Route {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let wrong = || AddressError::NoAddress(text.to_owned());
        let (server, ip) = text.trim().split_once(' ').ok_or_else(wrong)?;
        Ok(Self { server: server.parse()?, ip: ip.parse().map_err(|_| wrong())? })
    }
}

/// The choice among the addresses of a server.
#[derive(Debug, Clone, Default)]
pub(crate) enum Preference {
    /// The order of the list.
    #[default]
    None,
    /// This one first: it worked the last time.
    First(Route),
    /// This one last: the connection to it was lost.
    Last(Route),
}

impl Preference {
    /// The addresses in the order in which they are tried.
    pub(crate) fn order(&self, server: &ServerAddresses) -> Vec<ServerAddress> {
        let mut addresses: Vec<_> = server.iter().cloned().collect();
        addresses.sort_by_key(|address| self.place(|route| route.server == *address));
        addresses
    }

    /// The same for the IP addresses of a name.
    pub(crate) fn order_ips(&self, ips: &mut [SocketAddr]) {
        ips.sort_by_key(|ip| self.place(|route| route.ip == *ip));
    }

    fn place(&self, is_meant: impl Fn(&Route) -> bool) -> u8 {
        match self {
            Self::First(route) if is_meant(route) => 0,
            Self::Last(route) if is_meant(route) => 2,
            Self::None | Self::First(_) | Self::Last(_) => 1,
        }
    }
}

#[cfg(test)]
mod tests;
