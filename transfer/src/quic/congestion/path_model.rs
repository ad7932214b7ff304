//! What acknowledgements tell of a path: its rate, its round trip, and whether it is overloaded.

use std::time::{Duration, Instant};

/// More rounds than a cycle has, so that a probe is remembered until the next one.
const ROUNDS_REMEMBERED: usize = 20;

/// The shortest round trip is that of so many rounds at least, and twice as many at most: long enough
/// that a drain is among them, and short enough that a path may become longer.
const ROUND_TRIP_ROUNDS: u16 = 8;

/// For about so many rounds it is remembered that a round trip was shorter, by an eighth and so much at
/// least.
const ONCE_ROUNDS: u16 = 256;
const GROWN_MIN: Duration = Duration::from_millis(4);

/// A round that is shorter tells more of threads than of the path.
const ROUND_MIN: Duration = Duration::from_millis(2);

/// So much of a round has to be lost, per mille, and so many bytes, for it to be the sender's fault: this
/// and what is usual on the path, up to a limit. A radio loses some whatever is sent.
const OVERLOAD_PER_MILLE: u64 = 100;
const USUAL_PER_MILLE_MAX: u64 = 50;
const OVERLOAD_BYTES_MIN: u64 = 4 * 1200;

/// What is usual is the mean of about so many rounds.
const USUAL_ROUNDS: u64 = 16;

/// What an overload leaves of the believed rate at least, in per cent.
const OVERLOAD_LEAVES: u64 = 70;

/// And what a router's mark leaves of what came through (after RFC 8511).
const MARK_LEAVES: u64 = 85;

/// One acknowledged packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) sent: Instant,
    pub(super) bytes: u64,
    pub(super) is_app_limited: bool,
}

/// One round trip: from a moment to the acknowledgement of something that was sent after it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    began: Instant,
    /// When the newest packet was sent that was acknowledged before.
    sent_before: Instant,
    newest_sent: Instant,
    delivered: u64,
    lost: u64,
    /// Per mille.
    usual_loss: u64,
    is_marked: bool,
    is_app_limited: bool,
    round_trip: Option<Duration>,
    lately: Option<Duration>,
    told: u64,
}

/// What one round trip tells.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundSample {
    /// Bytes a second.
    pub(super) rate: u64,
    /// The shortest one.
    pub(super) round_trip: Duration,
    /// The sender had too little to say to learn what the path bears.
    pub(super) is_app_limited: bool,
    /// The path got more than it bears.
    pub(super) is_overload: bool,
}

impl Round {
    pub(super) fn begin(now: Instant) -> Self {
        Self::after(now, now, 0)
    }

    fn after(now: Instant, newest_sent: Instant, usual_loss: u64) -> Self {
        Self {
            began: now,
            sent_before: newest_sent,
            newest_sent,
            delivered: 0,
            lost: 0,
            usual_loss,
            is_marked: false,
            is_app_limited: false,
            round_trip: None,
            lately: None,
            told: 0,
        }
    }

    pub(super) fn acknowledged(&mut self, now: Instant, packet: Packet) {
        let round_trip = now.saturating_duration_since(packet.sent);
        self.delivered = self.delivered.saturating_add(packet.bytes);
        self.newest_sent = self.newest_sent.max(packet.sent);
        self.is_app_limited |= packet.is_app_limited;
        for known in [&mut self.round_trip, &mut self.lately] {
            *known = Some(known.map_or(round_trip, |known| known.min(round_trip)));
        }
    }

    pub(super) fn lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    /// A router would have dropped it, but for its mark.
    pub(super) fn marked(&mut self) {
        self.is_marked = true;
    }

    /// The shortest round trip since it was told last, when so many bytes have come since.
    pub(super) fn lately(&mut self, bytes: u64) -> Option<Duration> {
        if self.delivered.saturating_sub(self.told) < bytes {
            return None;
        }
        self.told = self.delivered;
        self.lately.take()
    }

    /// Begins the next round if this one is over, and tells what it has seen.
    pub(super) fn end(&mut self, now: Instant, is_app_limited: bool) -> Option<RoundSample> {
        let time = now.saturating_duration_since(self.began);
        if self.newest_sent < self.began || time < ROUND_MIN {
            return None;
        }
        let sample = self.sample(time);
        let usual_loss = (self.usual_loss * (USUAL_ROUNDS - 1) + self.loss()) / USUAL_ROUNDS;
        *self = Self::after(now, self.newest_sent, usual_loss);
        // What is sent now is sent by somebody who has nothing more to say.
        self.is_app_limited = is_app_limited;
        sample
    }

    /// What part of the round was lost, per mille.
    fn loss(&self) -> u64 {
        let all = self.delivered.saturating_add(self.lost).max(1);
        self.lost.saturating_mul(1_000) / all
    }

    /// Whether more is lost by now than the path loses by itself.
    pub(super) fn is_lossy(&self) -> bool {
        self.lost >= OVERLOAD_BYTES_MIN
            && self.loss() > OVERLOAD_PER_MILLE + self.usual_loss.min(USUAL_PER_MILLE_MAX)
    }

    fn sample(&self, time: Duration) -> Option<RoundSample> {
        // Acknowledgements that were held up come faster than their packets went.
        let time = time.max(self.newest_sent.saturating_duration_since(self.sent_before));
        let rate = rate(self.delivered, time);
        Some(RoundSample {
            rate: if self.is_marked { per_cent(rate, MARK_LEAVES) } else { rate },
            round_trip: self.round_trip?,
            is_app_limited: self.is_app_limited,
            is_overload: self.is_lossy() || self.is_marked,
        })
    }
}

/// The largest rate of the last rounds, in bytes a second.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MaxBandwidth([u64; ROUNDS_REMEMBERED]);

impl MaxBandwidth {
    pub(super) fn largest(self) -> u64 {
        self.0.into_iter().max().unwrap_or_default()
    }

    pub(super) fn take(&mut self, sample: RoundSample) {
        let largest = self.largest();
        // Who says little sees little of the path: that is no reason to forget what was seen.
        if sample.is_app_limited && sample.rate <= largest {
            return;
        }
        if sample.is_overload {
            self.0.fill(sample.rate.max(per_cent(largest, OVERLOAD_LEAVES)));
            return;
        }
        if !sample.is_app_limited {
            self.0.rotate_right(1);
        }
        let [newest, ..] = &mut self.0;
        *newest = sample.rate;
    }
}

/// The shortest round trip of the last rounds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MinRoundTrip {
    before: Option<Duration>,
    lately: Option<Duration>,
    /// The shortest of long ago.
    once: Option<Duration>,
    rounds: u16,
}

impl MinRoundTrip {
    pub(super) fn shortest(self) -> Option<Duration> {
        self.before.into_iter().chain(self.lately).min()
    }

    /// Whether it was much shorter once: the path has changed, or there is a queue that is never empty.
    pub(super) fn has_grown(self) -> bool {
        let seen = self.shortest().zip(self.once);
        seen.is_some_and(|(now, once)| now > once + (once / 8).max(GROWN_MIN))
    }

    pub(super) fn take(&mut self, round_trip: Duration) {
        self.lately = Some(self.lately.map_or(round_trip, |known| known.min(round_trip)));
        self.once = self.once.into_iter().chain(self.lately).min();
        self.rounds += 1;
        if self.rounds.is_multiple_of(ROUND_TRIP_ROUNDS) {
            (self.before, self.lately) = (self.lately, None);
        }
        if self.rounds >= ONCE_ROUNDS {
            (self.once, self.rounds) = (self.shortest(), 0);
        }
    }
}

/// How much comes at once, beyond what the rate explains: a radio that waits for its turn, and threads that wait
/// to be woken, let acknowledgements come in lumps (draft-ietf-ccwg-bbr, section 5.5.9).
#[derive(Debug, Clone, Copy)]
pub(super) struct AckAggregation {
    since: Instant,
    came: u64,
    before: u64,
    lately: u64,
    rounds: u16,
}

impl AckAggregation {
    pub(super) fn begin(now: Instant) -> Self {
        Self { since: now, came: 0, before: 0, lately: 0, rounds: 0 }
    }

    /// The largest lump of the last rounds, in bytes.
    pub(super) fn largest(self) -> u64 {
        self.before.max(self.lately)
    }

    /// So many bytes were acknowledged at once.
    pub(super) fn take(&mut self, now: Instant, bytes: u64, rate: u64) {
        let mut explained = coming(rate, now.saturating_duration_since(self.since));
        if self.came <= explained {
            (self.since, self.came, explained) = (now, 0, 0);
        }
        self.came = self.came.saturating_add(bytes);
        self.lately = self.lately.max(self.came - explained.min(self.came));
    }

    pub(super) fn round_ends(&mut self) {
        self.rounds += 1;
        if self.rounds >= ROUND_TRIP_ROUNDS {
            (self.before, self.lately, self.rounds) = (self.lately, 0, 0);
        }
    }
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let per_second = u128::from(bytes) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// What comes at so many bytes a second in some time.
pub(super) fn coming(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate).saturating_mul(time.as_nanos()) / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

pub(super) fn per_cent(whole: u64, per_cent: u64) -> u64 {
    // Divided first, so that it cannot overflow; what is lost of a rate or a window is nothing.
    whole / 100 * per_cent
}
