//! Queues received datagrams by sender, so that no sender waits behind all datagrams of another one.
//!
//! The kernel has one queue for a socket. A message would wait there behind all datagrams that another client has
//! sent before. So datagrams are taken out of the kernel at once and queued by sender. The senders take turns. A
//! sender without queued datagrams comes first (like the sparse flows of FQ-CoDel, RFC 8290, section 4), but only
//! every other time: an attacker with many source addresses must not displace the other senders.
//!
//! This file becomes unnecessary if the endpoint of quinn schedules datagrams by sender or connection. quinn 0.11.12
//! handles them in the order of arrival. quinn-rs/quinn#636, open, asks for a way to dispatch packets to connections
//! without the endpoint.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;

use quinn::udp::RecvMeta;

/// The highest cost of all waiting datagrams, in bytes.
const COST_MAX: usize = 8 * 1024 * 1024;

/// The cost of a datagram beside its bytes: its allocation and its sender's entry.
const DATAGRAM_COST: usize = 512;

/// The cost of a sender's datagrams in one round: 32 of the smallest, eight of the largest.
const ROUND_COST: usize = 16 * 1024;

/// The queues of all senders.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    /// Senders with waiting datagrams.
    senders: HashMap<SocketAddr, SenderQueue>,
    /// Senders that had nothing waiting when their first datagram came.
    new: VecDeque<SocketAddr>,
    /// Senders that were served before.
    served: VecDeque<SocketAddr>,
    /// The sender that is being served, and the cost that it has left in this round.
    current: Option<(SocketAddr, usize)>,
    /// Whether the next round is for a sender that was served before.
    is_served_next: bool,
    cost: usize,
}

/// The waiting datagrams of one sender.
#[derive(Debug)]
struct SenderQueue {
    batches: VecDeque<Batch>,
    cost: usize,
}

/// Datagrams that the kernel has handed over in one batch. All but the last have the same length.
#[derive(Debug)]
struct Batch {
    meta: RecvMeta,
    bytes: Box<[u8]>,
    /// The number of bytes that were handed on.
    handed: usize,
}

impl Batch {
    /// The next datagram.
    fn next(&mut self) -> Option<&[u8]> {
        let rest = self.bytes.get(self.handed..).filter(|rest| !rest.is_empty())?;
        let datagram = rest.get(..self.meta.stride.max(1)).unwrap_or(rest);
        self.handed += datagram.len();
        Some(datagram)
    }

    fn is_empty(&self) -> bool {
        self.handed >= self.bytes.len()
    }

    fn cost(&self) -> usize {
        cost_of(self.bytes.len(), self.meta.stride)
    }
}

/// The cost of bytes that came in datagrams of this length.
fn cost_of(bytes: usize, stride: usize) -> usize {
    bytes + bytes.div_ceil(stride.max(1)) * DATAGRAM_COST
}

impl FairQueue {
    /// Queues received datagrams. Returns false if there was no room: they are lost, as in a full queue of
    /// the kernel.
    ///
    /// A sender may have as much waiting as is left for all others. So one alone gets half of the room, ten
    /// an eleventh each, and there is always some for one more (Choudhury and Hahne, "Dynamic queue length
    /// thresholds for shared-memory packet switches", 1998).
    pub(crate) fn put(&mut self, meta: RecvMeta, bytes: &[u8]) -> bool {
        let cost = cost_of(bytes.len(), meta.stride);
        let held = self.senders.get(&meta.addr).map_or(0, |waiting| waiting.cost);
        if held + cost > COST_MAX.saturating_sub(self.cost) || bytes.is_empty() {
            return false;
        }
        let waiting = self.senders.entry(meta.addr).or_insert_with(|| {
            self.new.push_back(meta.addr);
            // Most senders have at most one datagram waiting.
            SenderQueue { batches: VecDeque::with_capacity(1), cost: 0 }
        });
        waiting.batches.push_back(Batch { meta, bytes: bytes.into(), handed: 0 });
        waiting.cost += cost;
        self.cost += cost;
        true
    }

    /// Hands on the next waiting datagram, with its metadata.
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(RecvMeta, &[u8]) -> T) -> Option<T> {
        let (sender, left) = self.current.take().or_else(|| self.next_sender())?;
        let waiting = self.senders.get_mut(&sender)?;
        let batch = waiting.batches.front_mut()?;
        let meta = batch.meta;
        let datagram = batch.next()?;
        let left = left.checked_sub(datagram.len() + DATAGRAM_COST);
        let taken = take(meta, datagram);
        if batch.is_empty() {
            // The cost is freed only now: all of a batch is in memory until its last datagram is handed on.
            let cost = batch.cost();
            waiting.batches.pop_front();
            waiting.cost -= cost;
            self.cost -= cost;
        }
        match left {
            _ if waiting.batches.is_empty() => _ = self.senders.remove(&sender),
            Some(left) => self.current = Some((sender, left)),
            None => self.served.push_back(sender),
        }
        Some(taken)
    }

    fn next_sender(&mut self) -> Option<(SocketAddr, usize)> {
        let sender = match self.is_served_next {
            true => self.served.pop_front().or_else(|| self.new.pop_front()),
            false => self.new.pop_front().or_else(|| self.served.pop_front()),
        };
        self.is_served_next = !self.is_served_next;
        Some((sender?, ROUND_COST))
    }
}

#[cfg(test)]
mod tests;
