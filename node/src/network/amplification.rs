//! The amplification limit: an unvalidated address is sent at most three times as many bytes as came from it (RFC 9000,
//! sections 8.1, 9.3 and 21.5.3), because its packets may have a forged source.
//!
//! quinn-proto has such a limit, but sends a whole datagram as long as a single byte of the limit is left
//! (quinn-rs/quinn#1148, for #1082). It pads a challenge to 1,200 bytes, and MTU probes do not count. So a packet of 30
//! bytes would be answered with 80 times as many.
//!
//! This file, `path_validation.rs` and `recent_addresses.rs` become unnecessary if quinn-proto keeps the limit to the
//! byte. For that it has to send an unpadded challenge if padding would exceed the limit (RFC 9000, section 8.2.1;
//! suggested in quinn-rs/quinn#1163, not in 0.11.19), and no MTU probe to an unvalidated address (open in a fork of
//! quinn, n0-computer/noq#175).

use std::net::SocketAddr;
use std::sync::{Mutex, MutexGuard};

use quinn::udp::Transmit;

use crate::lock::lock;
use crate::network::recent_addresses::RecentAddresses;

/// The factor of RFC 9000, section 8.1.
const FACTOR: usize = 3;

/// The most that an address may be sent without another byte from there: more than a handshake takes. Bytes
/// that came long ago allow no flood.
const CREDIT_MAX: usize = 32 * 1024;

/// Addresses with a credit, at least. A forgotten address has none, and is sent nothing.
const ADDRESSES: usize = 8 * 1024;

/// Addresses with a held datagram, at least, and the length of such a datagram: one that crosses any
/// Ethernet.
const HELD_DATAGRAMS: usize = 128;
const HELD_BYTES_MAX: usize = 1500;

/// Counts the bytes that may be sent to addresses that are not validated.
#[derive(Debug)]
pub(crate) struct AmplificationLimit {
    addresses: Mutex<Addresses>,
}

#[derive(Debug)]
struct Addresses {
    /// The bytes that may be sent to an address.
    credits: RecentAddresses<usize>,
    /// The datagram that is sent to an address as soon as its credit allows it.
    held: RecentAddresses<HeldDatagram>,
}

/// A datagram that is sent once enough bytes have come from its destination. quinn would not repeat it: it
/// sends one path challenge, and then waits.
#[derive(Debug)]
pub(crate) struct HeldDatagram {
    destination: SocketAddr,
    ecn: Option<quinn::udp::EcnCodepoint>,
    contents: Box<[u8]>,
    src_ip: Option<std::net::IpAddr>,
}

impl HeldDatagram {
    pub(crate) fn transmit(&self) -> Transmit<'_> {
        Transmit {
            destination: self.destination,
            ecn: self.ecn,
            contents: &self.contents,
            segment_size: None,
            src_ip: self.src_ip,
        }
    }
}

impl AmplificationLimit {
    pub(crate) fn new() -> Self {
        let (credits, held) =
            (RecentAddresses::new(ADDRESSES), RecentAddresses::new(HELD_DATAGRAMS));
        Self { addresses: Mutex::new(Addresses { credits, held }) }
    }

    /// Notes bytes that came from an address. Returns the held datagram if it may be sent now, and counts it
    /// as sent.
    pub(crate) fn credit(&self, address: SocketAddr, bytes: usize) -> Option<HeldDatagram> {
        let Addresses { credits, held } = &mut *self.addresses();
        let credit = credits.touch(address);
        *credit = credit.saturating_add(FACTOR.saturating_mul(bytes)).min(CREDIT_MAX);
        let length = held.get_mut(&address).map(|held| held.contents.len());
        let left = length.and_then(|length| credit.checked_sub(length));
        *credit = left.unwrap_or(*credit);
        left.and_then(|_| held.remove(&address))
    }

    /// The number of bytes of these datagrams, from the first one on, that may be sent. They are counted as
    /// sent.
    pub(crate) fn debit(&self, transmit: &Transmit<'_>) -> usize {
        let mut addresses = self.addresses();
        let Some(credit) = addresses.credits.get_mut(&transmit.destination) else { return 0 };
        let bytes = match transmit.contents.len() {
            all if all <= *credit => all,
            _ => transmit.segment_size.map_or(0, |segment| *credit / segment.max(1) * segment),
        };
        *credit -= bytes;
        bytes
    }

    /// Notes that so many bytes were not sent after all.
    pub(crate) fn refund(&self, address: &SocketAddr, bytes: usize) {
        if let Some(credit) = self.addresses().credits.get_mut(address) {
            *credit = credit.saturating_add(bytes);
        }
    }

    /// Holds back the first of these datagrams until it may be sent. The shortest datagram is held, and of
    /// equals the latest: it may be sent soonest, and carries the challenge that quinn waits for.
    pub(crate) fn hold(&self, transmit: &Transmit<'_>) {
        let length = transmit.segment_size.unwrap_or(transmit.contents.len());
        let Some(contents) = transmit.contents.chunks(length.max(1)).next() else { return };
        let held = &mut self.addresses().held;
        let shortest = held.get_mut(&transmit.destination).map(|held| held.contents.len());
        if contents.len() <= shortest.unwrap_or(HELD_BYTES_MAX) {
            let &Transmit { destination, ecn, src_ip, .. } = transmit;
            held.insert(
                destination,
                HeldDatagram { destination, ecn, contents: contents.into(), src_ip },
            );
        }
    }

    fn addresses(&self) -> MutexGuard<'_, Addresses> {
        lock(&self.addresses)
    }
}

#[cfg(test)]
mod tests;
