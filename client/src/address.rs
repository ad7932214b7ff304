//! The address of a server, and the addresses under which one server can be reached.

mod list;

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use rustls::pki_types::ServerName;

/// The port of a server that is named without one.
pub const DEFAULT_PORT: u16 = 4433;

/// A server's address: a host's name or IP address, and a UDP port.
///
/// As text `host:port`, `[::1]:4433`, or a host alone, whose port is then [`DEFAULT_PORT`]. Capitals
/// are folded and IP addresses brought to their usual form, so that equal servers have equal texts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ServerAddress {
    host: String,
    port: u16,
}

pub use list::ServerAddresses;

/// A text that is not the address of a server, or no list of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// This is no address.
    #[error("{0:?} is no server's address: write host:port, [::1]:4433, or a host alone")]
    NoAddress(String),
    /// Two commas of the list have nothing between them, or a comma is at one of its ends.
    #[error("{0:?} has an empty part: write one comma between two addresses")]
    EmptyPart(String),
    /// The list has an address twice.
    #[error("{0} stands twice in the list: write each address once")]
    Twice(ServerAddress),
    /// The list has more than 16 addresses.
    #[error("the list has {0} addresses: write 16 at the most")]
    TooMany(usize),
}

impl ServerAddress {
    /// The host: a name, or an IP address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The UDP port.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn parse(text: &str) -> Option<Self> {
        let (host, port) = split(text)?;
        let port = match port {
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
            None => Some(DEFAULT_PORT),
        };
        Some(Self { host: normal_host(host)?, port: port.filter(|&port| port > 0)? })
    }
}

/// The host without brackets, and the port if one is given.
fn split(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        host.parse::<Ipv6Addr>().ok()?;
        return match rest {
            "" => Some((host, None)),
            _ => Some((host, Some(rest.strip_prefix(':')?))),
        };
    }
    match text.split_once(':') {
        None => Some((text, None)),
        // More than one colon: an IPv6 address without brackets, which leaves no room for a port.
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
    }
}

/// The usual form of an IP address or a host's name; `None` if TLS cannot ask for it.
fn normal_host(host: &str) -> Option<String> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address.to_string());
    }
    let host = host.to_ascii_lowercase();
    ServerName::try_from(host.as_str()).is_ok().then_some(host)
}

impl FromStr for ServerAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text.trim()).ok_or_else(|| AddressError::NoAddress(text.to_owned()))
    }
}

/// Always `host:port`, an IPv6 address in brackets.
impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(formatter, "[{}]:{}", self.host, self.port),
            false => write!(formatter, "{}:{}", self.host, self.port),
        }
    }
}

#[cfg(test)]
mod tests;
