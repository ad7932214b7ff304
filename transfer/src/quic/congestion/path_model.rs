//! The model of a path, from acknowledgements: its bandwidth, its round trip, and whether it is overloaded.

use std::time::{Duration, Instant};

/// The number of rate samples in the filter: more than the rounds of a cycle, so a probe counts until the next one.
const RATE_ROUNDS: usize = 20;

/// The shortest round trip is taken from this many rounds at least, and twice as many at most. The time contains a drain,
/// and is short enough to notice that a path has become longer.
const ROUND_TRIP_ROUNDS: u16 = 8;

/// The shortest round trip of about this many rounds shows whether the round trip has grown.
const LONG_TERM_ROUNDS: u16 = 256;

/// The round trip has grown if it is longer by an eighth, and by this at least.
const GROWN_MIN: Duration = Duration::from_millis(4);

/// A shorter round measures the scheduling of threads rather than the path.
const ROUND_MIN: Duration = Duration::from_millis(2);

/// A round is an overload if it loses more than this, per mille, beyond the usual loss of the path. A radio link loses
/// packets at any rate.
const OVERLOAD_PER_MILLE: u64 = 100;

/// At most this usual loss is tolerated, per mille.
const USUAL_PER_MILLE_MAX: u64 = 50;

/// Fewer lost bytes are no overload.
const OVERLOAD_BYTES_MIN: u64 = 4 * 1200;

/// The usual loss is the mean of about this many rounds.
const USUAL_ROUNDS: u64 = 16;

/// The part of the bandwidth that is kept at least after an overload, in per cent.
const OVERLOAD_KEEPS: u64 = 70;

/// The part of a rate sample that is kept after an ECN mark, in per cent (after RFC 8511).
const MARK_KEEPS: u64 = 85;

/// One acknowledged packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Packet {
    pub(super) sent: Instant,
    pub(super) bytes: u64,
    pub(super) is_app_limited: bool,
}

/// One round: from a moment to the acknowledgement of a packet that was sent after it.
#[derive(Debug, Clone)]
pub(super) struct Round {
    began: Instant,
    /// The time at which the newest packet was sent that earlier rounds have acknowledged.
    sent_before: Instant,
    newest_sent: Instant,
    delivered: u64,
    lost: u64,
    /// The usual loss, per mille.
    usual_loss: u64,
    is_marked: bool,
    is_app_limited: bool,
    round_trip: Option<Duration>,
    recent: Option<Duration>,
    recent_from: u64,
}

/// The measurements of one round.
#[derive(Debug, Clone, Copy)]
pub(super) struct RoundSample {
    /// The delivery rate in bytes a second.
    pub(super) rate: u64,
    /// The shortest round trip.
    pub(super) round_trip: Duration,
    /// The application sent too little to measure the bandwidth.
    pub(super) is_app_limited: bool,
    /// The sender sent more than the path can carry.
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
            recent: None,
            recent_from: 0,
        }
    }

    pub(super) fn acknowledged(&mut self, now: Instant, packet: Packet) {
        let round_trip = now.saturating_duration_since(packet.sent);
        self.delivered = self.delivered.saturating_add(packet.bytes);
        self.newest_sent = self.newest_sent.max(packet.sent);
        self.is_app_limited |= packet.is_app_limited;
        for known in [&mut self.round_trip, &mut self.recent] {
            *known = Some(known.map_or(round_trip, |known| known.min(round_trip)));
        }
    }

    pub(super) fn lost(&mut self, bytes: u64) {
        self.lost = self.lost.saturating_add(bytes);
    }

    /// Notes an ECN mark: the router would have dropped the packet otherwise.
    pub(super) fn marked(&mut self) {
        self.is_marked = true;
    }

    /// The shortest round trip since the last call that returned one, if this many bytes were acknowledged since.
    pub(super) fn take_recent(&mut self, bytes: u64) -> Option<Duration> {
        if self.delivered.saturating_sub(self.recent_from) < bytes {
            return None;
        }
        self.recent_from = self.delivered;
        self.recent.take()
    }

    /// Begins the next round if this one is over, and returns the measurements.
    pub(super) fn end(&mut self, now: Instant, is_app_limited: bool) -> Option<RoundSample> {
        let time = now.saturating_duration_since(self.began);
        if self.newest_sent < self.began || time < ROUND_MIN {
            return None;
        }
        let sample = self.sample(time);
        let usual_loss = (self.usual_loss * (USUAL_ROUNDS - 1) + self.loss()) / USUAL_ROUNDS;
        *self = Self::after(now, self.newest_sent, usual_loss);
        // The packets of the next round are limited by the application already.
        self.is_app_limited = is_app_limited;
        sample
    }

    /// The loss of the round, per mille.
    fn loss(&self) -> u64 {
        let all = self.delivered.saturating_add(self.lost).max(1);
        self.lost.saturating_mul(1_000) / all
    }

    /// Whether the round has lost more than the path usually loses.
    pub(super) fn is_lossy(&self) -> bool {
        self.lost >= OVERLOAD_BYTES_MIN
            && self.loss() > OVERLOAD_PER_MILLE + self.usual_loss.min(USUAL_PER_MILLE_MAX)
    }

    fn sample(&self, time: Duration) -> Option<RoundSample> {
        // Acknowledgements that were delayed come in less time than their packets were sent.
        let time = time.max(self.newest_sent.saturating_duration_since(self.sent_before));
        let rate = rate(self.delivered, time);
        Some(RoundSample {
            rate: if self.is_marked { per_cent(rate, MARK_KEEPS) } else { rate },
            round_trip: self.round_trip?,
            is_app_limited: self.is_app_limited,
            is_overload: self.is_lossy() || self.is_marked,
        })
    }
}

/// The largest rate of the last rounds, in bytes a second (the maximum filter of BBR).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MaxBandwidth([u64; RATE_ROUNDS]);

impl MaxBandwidth {
    pub(super) fn largest(self) -> u64 {
        self.0.into_iter().max().unwrap_or_default()
    }

    pub(super) fn take(&mut self, sample: RoundSample) {
        let largest = self.largest();
        // A sample that the application limits shows a lower bound only.
        if sample.is_app_limited && sample.rate <= largest {
            return;
        }
        if sample.is_overload {
            self.0.fill(sample.rate.max(per_cent(largest, OVERLOAD_KEEPS)));
            return;
        }
        if !sample.is_app_limited {
            self.0.rotate_right(1);
        }
        let [newest, ..] = &mut self.0;
        *newest = sample.rate;
    }
}

/// The shortest round trip of the last rounds (the minimum filter of BBR).
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MinRoundTrip {
    before: Option<Duration>,
    recent: Option<Duration>,
    /// The shortest of about 256 rounds.
    long_term: Option<Duration>,
    rounds: u16,
}

impl MinRoundTrip {
    pub(super) fn shortest(self) -> Option<Duration> {
        self.before.into_iter().chain(self.recent).min()
    }

    /// Whether the round trip has grown: the path has changed, or a queue on it never empties.
    pub(super) fn has_grown(self) -> bool {
        let seen = self.shortest().zip(self.long_term);
        seen.is_some_and(|(now, before)| now > before + (before / 8).max(GROWN_MIN))
    }

    pub(super) fn take(&mut self, round_trip: Duration) {
        self.recent = Some(self.recent.map_or(round_trip, |known| known.min(round_trip)));
        self.long_term = self.long_term.into_iter().chain(self.recent).min();
        self.rounds += 1;
        if self.rounds.is_multiple_of(ROUND_TRIP_ROUNDS) {
            (self.before, self.recent) = (self.recent, None);
        }
        if self.rounds >= LONG_TERM_ROUNDS {
            (self.long_term, self.rounds) = (self.shortest(), 0);
        }
    }
}

/// The bytes that are acknowledged at once, beyond what the rate explains. A radio link that waits for its slot, and threads
/// that wait to be woken, aggregate acknowledgements (draft-ietf-ccwg-bbr, section 5.5.9).
#[derive(Debug, Clone, Copy)]
pub(super) struct AckAggregation {
    since: Instant,
    acknowledged: u64,
    before: u64,
    recent: u64,
    rounds: u16,
}

impl AckAggregation {
    pub(super) fn begin(now: Instant) -> Self {
        Self { since: now, acknowledged: 0, before: 0, recent: 0, rounds: 0 }
    }

    /// The largest excess of the last rounds, in bytes.
    pub(super) fn largest(self) -> u64 {
        self.before.max(self.recent)
    }

    /// Counts bytes that were acknowledged at once.
    pub(super) fn take(&mut self, now: Instant, bytes: u64, rate: u64) {
        let mut explained = bytes_in(rate, now.saturating_duration_since(self.since));
        if self.acknowledged <= explained {
            (self.since, self.acknowledged, explained) = (now, 0, 0);
        }
        self.acknowledged = self.acknowledged.saturating_add(bytes);
        self.recent = self.recent.max(self.acknowledged - explained.min(self.acknowledged));
    }

    pub(super) fn round_ends(&mut self) {
        self.rounds += 1;
        if self.rounds >= ROUND_TRIP_ROUNDS {
            (self.before, self.recent, self.rounds) = (self.recent, 0, 0);
        }
    }
}

fn rate(bytes: u64, time: Duration) -> u64 {
    let per_second = u128::from(bytes) * 1_000_000_000 / time.as_nanos().max(1);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

/// The number of bytes that a rate in bytes a second brings in this time.
pub(super) fn bytes_in(rate: u64, time: Duration) -> u64 {
    let bytes = u128::from(rate).saturating_mul(time.as_nanos()) / 1_000_000_000;
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

pub(super) fn per_cent(whole: u64, per_cent: u64) -> u64 {
    // The division comes first, so nothing overflows. The remainder of a rate or a window does not matter.
    whole / 100 * per_cent
}
