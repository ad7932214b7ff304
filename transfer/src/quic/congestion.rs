//! The congestion controller: how many bytes may be in flight. A small version of BBR.
//!
//! A controller that reacts to loss fills the queue of a slow link, where chat then waits behind the file, and is slow on
//! a radio link that loses packets without congestion. This controller has a model of the path instead, after BBR
//! (draft-ietf-ccwg-bbr): the bandwidth-delay product is the largest recent delivery rate times the shortest recent
//! round trip. Every few round trips it sends a little more, to probe for bandwidth. Then it sends less, to drain the
//! queue and see the round trip without it.
//!
//! It is smaller than BBR. The peer acknowledges seldom and many packets at once, so there is one rate sample a round
//! trip. quinn's pacer follows the window alone, so the gains are gains of the window. There is no long pause to
//! measure the round trip, because chat would have to wait. `docs/decisions/007-congestion-control.md` has the
//! measurements.

mod path_model;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;

use super::acknowledgements::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_WITHIN};
use path_model::{
    AckAggregation, MaxBandwidth, MinRoundTrip, Packet, Round, RoundSample, bytes_in, per_cent,
};

/// The initial window in bytes. RFC 9002, section 7.2.
const INITIAL_WINDOW: u64 = 14_720;

/// The smallest window in packets: with fewer, too few acknowledgements come for a sample.
const WINDOW_PACKETS_MIN: u64 = 4;

/// Packets beyond the bandwidth-delay product, for those that the threads of both sides process at the moment.
const SPARE_PACKETS: u64 = 3;

/// The shortest round trip that the window is calculated with: waking a thread takes about as long. A larger value would
/// let chat on loopback wait, and make no file faster.
const ROUND_TRIP_MIN: Duration = Duration::from_micros(500);

/// Slow start ends if the rate has not grown by a quarter in this many rounds.
const SAME_ROUNDS: u8 = 2;

/// Slow start also ends if all packets of some in a row have waited in a queue for this long, beside the delay of their
/// acknowledgements (after HyStart++, RFC 9406).
const QUEUED: Duration = Duration::from_millis(8);
const QUEUED_PACKETS_MIN: u64 = 8;

/// The window in each round of a cycle, in per cent of the bandwidth-delay product. A probe takes two rounds, because its
/// effect is seen a round later. Then the queue of the probe drains, and drains once more before the next probe.
const CYCLE: [u64; 16] =
    [125, 125, 85, 100, 100, 100, 100, 100, 100, 100, 85, 100, 100, 100, 100, 100];
const PROBE: usize = 0;
const MEASURE: usize = 1;
const DRAIN: usize = 2;

/// The gain of a drain if the round trip has grown. Several flows that each take the others' queue for the path's own delay
/// would otherwise let it grow forever.
const DEEP_DRAIN: u64 = 50;

/// The next probe follows at once if a probe has raised the bandwidth to this, in per cent.
const FOUND: u64 = 112;

/// Creates the controllers of connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BbrFactory;

impl ControllerFactory for BbrFactory {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(BbrController::new(now, mtu))
    }
}

/// The controller of one connection, with the model of its path.
#[derive(Debug, Clone)]
struct BbrController {
    mtu: u64,
    window: u64,
    bandwidth: MaxBandwidth,
    round_trip: MinRoundTrip,
    round: Round,
    aggregation: AckAggregation,
    /// Bytes that were acknowledged since the last call of `update`.
    acknowledged: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Slow start: the window doubles each round, until the rate does not follow.
    SlowStart { rate: u64, same_rounds: u8, is_queued: bool },
    /// The window is the bandwidth-delay product times the gain of the cycle's step.
    ProbeBandwidth { step: usize, rate_before: u64 },
}

impl State {
    const START: Self = Self::SlowStart { rate: 0, same_rounds: 0, is_queued: false };
}

impl BbrController {
    fn new(now: Instant, mtu: u16) -> Self {
        Self {
            mtu: mtu.into(),
            window: INITIAL_WINDOW,
            bandwidth: MaxBandwidth::default(),
            round_trip: MinRoundTrip::default(),
            round: Round::begin(now),
            aggregation: AckAggregation::begin(now),
            acknowledged: 0,
            state: State::START,
        }
    }

    fn count_acknowledged(&mut self, now: Instant, packet: Packet) {
        self.round.acknowledged(now, packet);
        self.acknowledged = self.acknowledged.saturating_add(packet.bytes);
        if matches!(self.state, State::SlowStart { is_queued: false, .. }) && !packet.is_app_limited
        {
            self.window = self.window.saturating_add(packet.bytes);
        }
    }

    /// Updates the model after all packets of one acknowledgement.
    fn update(&mut self, now: Instant, is_app_limited: bool) {
        let acknowledged = std::mem::take(&mut self.acknowledged);
        match self.state {
            // The rate is not known yet.
            State::SlowStart { .. } => self.aggregation = AckAggregation::begin(now),
            State::ProbeBandwidth { .. } => {
                self.aggregation.take(now, acknowledged, self.bandwidth.largest());
            }
        }
        let is_congested = self.is_queued() || self.round.is_lossy();
        if let State::SlowStart { is_queued: is_queued @ false, .. } = &mut self.state
            && is_congested
        {
            // The packets that waited or were lost were sent a round trip ago, with half of this window.
            *is_queued = true;
            self.window = (self.window / 2).max(INITIAL_WINDOW);
        }
        if let Some(sample) = self.round.end(now, is_app_limited) {
            self.round_trip.take(sample.round_trip);
            self.bandwidth.take(sample);
            self.aggregation.round_ends();
            self.state = self.next(sample);
            self.set_window();
        }
    }

    /// Whether several packets in a row have all waited in a queue.
    fn is_queued(&mut self) -> bool {
        let recent = self.round.take_recent(QUEUED_PACKETS_MIN * self.mtu);
        let seen = recent.zip(self.round_trip.shortest());
        seen.is_some_and(|(now, shortest)| {
            now > shortest + ACKNOWLEDGED_WITHIN + QUEUED.max(shortest / 4)
        })
    }

    fn next(&self, sample: RoundSample) -> State {
        match self.state {
            // Also if the application limited the sender for a moment: the bytes were enough for this path. Not if
            // the application sends little at all and loses a few packets.
            State::SlowStart { .. } if sample.is_overload && self.window > INITIAL_WINDOW => {
                self.probe_bandwidth(DRAIN)
            }
            State::SlowStart { rate, same_rounds, .. } if sample.is_app_limited => {
                State::SlowStart { rate, same_rounds, is_queued: false }
            }
            state if sample.is_app_limited => state,
            _ if sample.is_overload => self.probe_bandwidth(DRAIN),
            State::SlowStart { is_queued: true, .. } => self.probe_bandwidth(DRAIN),
            State::SlowStart { rate, .. } if sample.rate >= rate.saturating_add(rate / 4) => {
                State::SlowStart { rate: sample.rate, same_rounds: 0, is_queued: false }
            }
            State::SlowStart { same_rounds, .. } if same_rounds + 1 >= SAME_ROUNDS => {
                self.probe_bandwidth(DRAIN)
            }
            State::SlowStart { rate, same_rounds, .. } => {
                State::SlowStart { rate, same_rounds: same_rounds + 1, is_queued: false }
            }
            State::ProbeBandwidth { step: PROBE, rate_before } => {
                State::ProbeBandwidth { step: MEASURE, rate_before }
            }
            State::ProbeBandwidth { step: MEASURE, rate_before } if self.has_found(rate_before) => {
                self.probe_bandwidth(PROBE)
            }
            State::ProbeBandwidth { step, .. } => self.probe_bandwidth((step + 1) % CYCLE.len()),
        }
    }

    fn probe_bandwidth(&self, step: usize) -> State {
        State::ProbeBandwidth { step, rate_before: self.bandwidth.largest() }
    }

    /// Whether the last probe has found more bandwidth than was known before.
    fn has_found(&self, rate_before: u64) -> bool {
        self.bandwidth.largest() > per_cent(rate_before, FOUND)
    }

    /// Sets the window for the current step.
    fn set_window(&mut self) {
        let State::ProbeBandwidth { step, .. } = self.state else { return };
        let rate = self.bandwidth.largest();
        let round_trip = self.round_trip.shortest().unwrap_or_default().max(ROUND_TRIP_MIN);
        let bdp = bytes_in(rate, round_trip);
        let gain = CYCLE.get(step).copied().unwrap_or(100);
        self.window = match gain {
            // Without the spare bytes the queue empties.
            ..100 if self.round_trip.has_grown() => per_cent(bdp, DEEP_DRAIN),
            ..100 => per_cent(bdp, gain),
            _ => per_cent(bdp, gain).saturating_add(self.spare(rate, bdp)),
        };
        self.window = self.window.max(self.window_min());
    }

    /// Bytes that have arrived and are not acknowledged yet, and bytes that threads process at the moment.
    fn spare(&self, rate: u64, bdp: u64) -> u64 {
        let late =
            bytes_in(rate, ACKNOWLEDGED_WITHIN).min(u64::from(ACKNOWLEDGED_AFTER) * self.mtu);
        late.max(self.aggregation.largest().min(bdp)) + SPARE_PACKETS * self.mtu
    }

    fn window_min(&self) -> u64 {
        WINDOW_PACKETS_MIN * self.mtu
    }
}

impl Controller for BbrController {
    fn on_ack(
        &mut self,
        now: Instant,
        sent: Instant,
        bytes: u64,
        is_app_limited: bool,
        _: &RttEstimator,
    ) {
        self.count_acknowledged(now, Packet { sent, bytes, is_app_limited });
    }

    fn on_end_acks(&mut self, now: Instant, _: u64, is_app_limited: bool, _: Option<u64>) {
        self.update(now, is_app_limited);
    }

    fn on_congestion_event(&mut self, now: Instant, _: Instant, is_persistent: bool, lost: u64) {
        if is_persistent {
            // No packet came through for several round trips, so the path is another one by now.
            let window = self.window_min();
            *self = Self { window, mtu: self.mtu, ..Self::new(now, 0) };
        } else if lost == 0 {
            self.round.marked();
        } else {
            self.round.lost(lost);
        }
    }

    fn on_mtu_update(&mut self, mtu: u16) {
        self.mtu = mtu.into();
        self.window = self.window.max(self.window_min());
    }

    fn window(&self) -> u64 {
        self.window
    }

    fn metrics(&self) -> ControllerMetrics {
        let mut metrics = ControllerMetrics::default();
        metrics.congestion_window = self.window;
        metrics.pacing_rate = Some(self.bandwidth.largest().saturating_mul(8));
        metrics
    }

    fn clone_box(&self) -> Box<dyn Controller> {
        Box::new(self.clone())
    }

    fn initial_window(&self) -> u64 {
        INITIAL_WINDOW
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
