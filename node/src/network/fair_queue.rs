//! Queues received datagrams by sender, so that no sender waits behind all datagrams of another one.
//!
//! The kernel has one queue for a socket. A message would wait there behind all datagrams that a stranger or an upload has
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

/// What all senders' datagrams may cost together, in bytes.
const COST_MAX: usize = 8 * 1024 * 1024;

/// What a datagram costs beside its bytes: what it takes to keep it, and a place for its sender.
const COST_OF_ANY: usize = 512;

/// What a sender's datagrams may cost in one turn: 32 of the smallest, eight of the largest.
const COST_OF_A_TURN: usize = 16 * 1024;

/// The queues of all senders.
#[derive(Debug, Default)]
pub(crate) struct FairQueue {
    /// Those from whom anything waits, by their address.
    senders: HashMap<SocketAddr, SenderQueue>,
    /// Those who had nothing waiting when their first datagram came.
    fresh: VecDeque<SocketAddr>,
    /// Those who have had a turn.
    served: VecDeque<SocketAddr>,
    /// Whose turn it is, and what it may still cost.
    turn: Option<(SocketAddr, usize)>,
    /// Whether the turn after this one is for one who has had a turn.
    is_for_served: bool,
    cost: usize,
}

/// What waits from one sender.
#[derive(Debug)]
struct SenderQueue {
    pieces: VecDeque<Batch>,
    cost: usize,
}

/// Datagrams of the same length, but for the last, that the kernel has handed over in one piece.
#[derive(Debug)]
struct Batch {
    meta: RecvMeta,
    bytes: Box<[u8]>,
    /// How many of the bytes are handed on.
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

/// What bytes cost that came in datagrams of this length.
fn cost_of(bytes: usize, stride: usize) -> usize {
    bytes + bytes.div_ceil(stride.max(1)) * COST_OF_ANY
}

impl FairQueue {
    /// Takes what has come. Returns whether there was room: what finds none is lost, as it would be in a
    /// queue of the kernel's.
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
            self.fresh.push_back(meta.addr);
            // Most senders have one datagram waiting, if any.
            SenderQueue { pieces: VecDeque::with_capacity(1), cost: 0 }
        });
        waiting.pieces.push_back(Batch { meta, bytes: bytes.into(), handed: 0 });
        waiting.cost += cost;
        self.cost += cost;
        true
    }

    /// Hands on the next datagram, where any waits: what is known of it, and its bytes.
    pub(crate) fn next<T>(&mut self, take: impl FnOnce(RecvMeta, &[u8]) -> T) -> Option<T> {
        let (sender, left) = self.turn.take().or_else(|| self.next_turn())?;
        let waiting = self.senders.get_mut(&sender)?;
        let piece = waiting.pieces.front_mut()?;
        let meta = piece.meta;
        let datagram = piece.next()?;
        let left = left.checked_sub(datagram.len() + COST_OF_ANY);
        let taken = take(meta, datagram);
        if piece.is_empty() {
            // Only now: until its last datagram is handed on, all of a piece is kept.
            let cost = piece.cost();
            waiting.pieces.pop_front();
            waiting.cost -= cost;
            self.cost -= cost;
        }
        match left {
            _ if waiting.pieces.is_empty() => _ = self.senders.remove(&sender),
            Some(left) => self.turn = Some((sender, left)),
            None => self.served.push_back(sender),
        }
        Some(taken)
    }

    fn next_turn(&mut self) -> Option<(SocketAddr, usize)> {
        let sender = match self.is_for_served {
            true => self.served.pop_front().or_else(|| self.fresh.pop_front()),
            false => self.fresh.pop_front().or_else(|| self.served.pop_front()),
        };
        self.is_for_served = !self.is_for_served;
        Some((sender?, COST_OF_A_TURN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sender(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    /// Puts a piece of datagrams with this length, the last of which may be shorter.
    fn put(queues: &mut FairQueue, port: u16, bytes: &[u8], stride: usize) -> bool {
        let mut meta = RecvMeta::default();
        (meta.addr, meta.stride, meta.len) = (sender(port), stride, bytes.len());
        queues.put(meta, bytes)
    }

    fn next(queues: &mut FairQueue) -> Option<(u16, Vec<u8>)> {
        queues.next(|meta, bytes| (meta.addr.port(), bytes.to_vec()))
    }

    /// Puts datagrams of one byte until there is no room; returns how many there was room for.
    fn fill(queues: &mut FairQueue, port: u16) -> usize {
        std::iter::repeat_with(|| put(queues, port, b"x", 1)).take_while(|was_put| *was_put).count()
    }

    #[test]
    fn what_one_sent_is_handed_on_one_by_one_and_in_order() {
        let mut queues = FairQueue::default();
        for piece in [&b"aaaabbbbcc"[..], b"dddd"] {
            assert!(put(&mut queues, 1, piece, 4));
        }
        // A piece is kept whole until its last datagram is handed on.
        let (both, one) = (cost_of(10, 4) + cost_of(4, 4), cost_of(4, 4));
        let kept = [(&b"aaaa"[..], both), (b"bbbb", both), (b"cc", one), (b"dddd", 0)];
        for (datagram, cost) in kept {
            assert_eq!(next(&mut queues), Some((1, datagram.to_vec())));
            assert_eq!(queues.cost, cost);
        }
        assert_eq!(next(&mut queues), None);
        assert!(queues.senders.is_empty() && queues.cost == 0, "{queues:?}");
    }

    #[test]
    fn who_says_little_waits_for_two_turns_of_who_says_much() {
        let mut queues = FairQueue::default();
        fill(&mut queues, 1);
        next(&mut queues);
        assert!(put(&mut queues, 2, b"hello", 5));
        let before = std::iter::from_fn(|| next(&mut queues)).take_while(|(port, _)| *port == 1);
        assert!(before.count() <= 2 * COST_OF_A_TURN / COST_OF_ANY);
    }

    #[test]
    fn who_comes_anew_with_each_datagram_keeps_nobody_out() {
        let mut queues = FairQueue::default();
        fill(&mut queues, 1);
        next(&mut queues);
        // From 2 on, each is one whose first datagram comes when the last one's is handed on.
        let mut newcomers = 2..;
        let ports = (0..1_000).map(|_| {
            put(&mut queues, newcomers.next().unwrap(), b"y", 1);
            next(&mut queues).unwrap().0
        });
        let of_who_stays = ports.filter(|port| *port == 1).count();
        assert!(of_who_stays > 900, "{of_who_stays} of 1,000");
    }

    #[test]
    fn those_who_send_without_end_share_the_room_and_leave_some() {
        let mut queues = FairQueue::default();
        let first = fill(&mut queues, 1);
        assert_eq!(first, COST_MAX / cost_of(1, 1) / 2);
        let others: usize = (2..=10).map(|port| fill(&mut queues, port)).sum();
        assert!(queues.cost <= COST_MAX);
        assert!(put(&mut queues, 11, b"hello", 5), "there is room for one more");
        assert_eq!(std::iter::from_fn(|| next(&mut queues)).count(), first + others + 1);
        assert_eq!(queues.cost, 0);
        assert_eq!(fill(&mut queues, 1), first, "the room is free again");
    }

    #[test]
    fn what_has_no_length_takes_no_place() {
        let mut queues = FairQueue::default();
        assert!(!put(&mut queues, 1, b"", 1));
        assert!(queues.senders.is_empty() && next(&mut queues).is_none());
    }
}
