//! Groups addresses: an IPv4 address, or the /64 prefix of an IPv6 address, which one subscriber gets for
//! free.

use std::net::{IpAddr, Ipv6Addr};

/// The IPv4 address, or the /64 prefix of the IPv6 address. An IPv4-mapped IPv6 address counts as IPv4.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let prefix = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(prefix).into()
        }
    }
}

#[cfg(test)]
mod tests;
