//! How many bytes may be on their way at once: what the path holds, and next to no queue.
//!
//! A controller that takes loss for its sign fills the queue before a slow link, where talk then waits
//! behind the file, and creeps where a radio loses packets of its own. This one keeps a model of the
//! path instead, after BBR (draft-ietf-ccwg-bbr): the largest rate at which packets came through
//! lately, times the shortest round trip seen lately, is what the path holds. Every few round trips a
//! little more is sent, to see whether the path bears it, and then less, to empty the queue and see the
//! round trip without one.
//!
//! It is smaller than BBR. Acknowledgements come seldom and in lumps, so there is one sample of the rate
//! a round trip; and quinn's pacer follows the window alone, so the gains are gains of the window. There
//! is no long pause to measure the round trip, for which talk would have to wait.

mod path_model;

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use quinn::congestion::{Controller, ControllerFactory, ControllerMetrics};
use quinn_proto::RttEstimator;

use super::acknowledgements::{ACKNOWLEDGED_AFTER, ACKNOWLEDGED_WITHIN};
use path_model::{
    AckAggregation, MaxBandwidth, MinRoundTrip, Packet, Round, RoundSample, coming, per_cent,
};

/// In bytes. RFC 9002, section 7.2.
const INITIAL_WINDOW: u64 = 14_720;

/// In packets: with fewer, too few acknowledgements come to learn anything from.
const WINDOW_PACKETS_MIN: u64 = 4;

/// More than what the path holds, in packets: those that the threads of both sides have in hand.
const SPARE_PACKETS: u64 = 3;

/// Round trips shorter than this are taken for as long: threads take as long to be woken. Longer, and talk waits
/// on loopback behind what is sent no faster for it.
const ROUND_TRIP_MIN: Duration = Duration::from_micros(500);

/// Slow start ends where so many rounds brought no quarter more, or where packets have waited in a queue
/// for so long beside what their acknowledgements may have waited (after HyStart++, RFC 9406).
const SAME_ROUNDS: u8 = 2;
const QUEUED: Duration = Duration::from_millis(8);
const TELLING_PACKETS: u64 = 8;

/// The window in each round of a cycle, in per cent of what the path holds. A probe takes two rounds,
/// since what it brings is seen a round later; then what it has queued drains, and does so once more
/// before the next.
const CYCLE: [u64; 16] =
    [125, 125, 85, 100, 100, 100, 100, 100, 100, 100, 85, 100, 100, 100, 100, 100];
const PROBE: usize = 0;
const MEASURE: usize = 1;
const DRAIN: usize = 2;

/// Instead of what the cycle says, where the round trip has grown: several flows that each see the others'
/// queues as the path's own would let them grow for ever.
const DEEP_DRAIN: u64 = 50;

/// A probe that found so much more, in per cent, is followed by the next one at once.
const FOUND: u64 = 112;

/// Makes the controllers of connections.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct BbrFactory;

impl ControllerFactory for BbrFactory {
    fn build(self: Arc<Self>, now: Instant, mtu: u16) -> Box<dyn Controller> {
        Box::new(BbrController::new(now, mtu))
    }
}

/// What one connection knows of its path.
#[derive(Debug, Clone)]
struct BbrController {
    mtu: u64,
    window: u64,
    bandwidth: MaxBandwidth,
    round_trip: MinRoundTrip,
    round: Round,
    lumps: AckAggregation,
    /// Bytes that were acknowledged since this was looked at.
    came: u64,
    mode: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Slow start: the window doubles each round, until the rate does not follow.
    Start { rate: u64, same_rounds: u8, is_queued: bool },
    /// The window is what the path holds, times the gain of the cycle's step.
    Cruise { step: usize, rate_before: u64 },
}

impl State {
    const START: Self = Self::Start { rate: 0, same_rounds: 0, is_queued: false };
}

impl BbrController {
    fn new(now: Instant, mtu: u16) -> Self {
        Self {
            mtu: mtu.into(),
            window: INITIAL_WINDOW,
            bandwidth: MaxBandwidth::default(),
            round_trip: MinRoundTrip::default(),
            round: Round::begin(now),
            lumps: AckAggregation::begin(now),
            came: 0,
            mode: State::START,
        }
    }

    fn acknowledged(&mut self, now: Instant, packet: Packet) {
        self.round.acknowledged(now, packet);
        self.came = self.came.saturating_add(packet.bytes);
        if matches!(self.mode, State::Start { is_queued: false, .. }) && !packet.is_app_limited {
            self.window = self.window.saturating_add(packet.bytes);
        }
    }

    /// All that came with one acknowledgement has been told.
    fn look(&mut self, now: Instant, is_app_limited: bool) {
        let came = std::mem::take(&mut self.came);
        match self.mode {
            // What rate explains them is not known yet.
            State::Start { .. } => self.lumps = AckAggregation::begin(now),
            State::Cruise { .. } => self.lumps.take(now, came, self.bandwidth.largest()),
        }
        let is_too_much = self.is_queue() || self.round.is_lossy();
        if let State::Start { is_queued: is_queued @ false, .. } = &mut self.mode
            && is_too_much
        {
            // What has waited, or was lost, was sent a round trip ago, when the window was half of what it is.
            *is_queued = true;
            self.window = (self.window / 2).max(INITIAL_WINDOW);
        }
        if let Some(sample) = self.round.end(now, is_app_limited) {
            self.round_trip.take(sample.round_trip);
            self.bandwidth.take(sample);
            self.lumps.round_ends();
            self.mode = self.next(sample);
            self.follow();
        }
    }

    /// Whether some packets in a row have all waited in a queue.
    fn is_queue(&mut self) -> bool {
        let lately = self.round.lately(TELLING_PACKETS * self.mtu);
        let seen = lately.zip(self.round_trip.shortest());
        seen.is_some_and(|(now, shortest)| {
            now > shortest + ACKNOWLEDGED_WITHIN + QUEUED.max(shortest / 4)
        })
    }

    fn next(&self, sample: RoundSample) -> State {
        match self.mode {
            // Also where the sender had too little to say for a moment: it was enough for this path. Not
            // where it says little at all, and is unlucky.
            State::Start { .. } if sample.is_overload && self.window > INITIAL_WINDOW => {
                self.cruise(DRAIN)
            }
            State::Start { rate, same_rounds, .. } if sample.is_app_limited => {
                State::Start { rate, same_rounds, is_queued: false }
            }
            mode if sample.is_app_limited => mode,
            _ if sample.is_overload => self.cruise(DRAIN),
            State::Start { is_queued: true, .. } => self.cruise(DRAIN),
            State::Start { rate, .. } if sample.rate >= rate.saturating_add(rate / 4) => {
                State::Start { rate: sample.rate, same_rounds: 0, is_queued: false }
            }
            State::Start { same_rounds, .. } if same_rounds + 1 >= SAME_ROUNDS => {
                self.cruise(DRAIN)
            }
            State::Start { rate, same_rounds, .. } => {
                State::Start { rate, same_rounds: same_rounds + 1, is_queued: false }
            }
            State::Cruise { step: PROBE, rate_before } => {
                State::Cruise { step: MEASURE, rate_before }
            }
            State::Cruise { step: MEASURE, rate_before } if self.has_found(rate_before) => {
                self.cruise(PROBE)
            }
            State::Cruise { step, .. } => self.cruise((step + 1) % CYCLE.len()),
        }
    }

    fn cruise(&self, step: usize) -> State {
        State::Cruise { step, rate_before: self.bandwidth.largest() }
    }

    /// Whether the last probe has brought more than was believed before it.
    fn has_found(&self, rate_before: u64) -> bool {
        self.bandwidth.largest() > per_cent(rate_before, FOUND)
    }

    /// Brings the window to what the path holds.
    fn follow(&mut self) {
        let State::Cruise { step, .. } = self.mode else { return };
        let rate = self.bandwidth.largest();
        let round_trip = self.round_trip.shortest().unwrap_or_default().max(ROUND_TRIP_MIN);
        let held = coming(rate, round_trip);
        let gain = CYCLE.get(step).copied().unwrap_or(100);
        self.window = match gain {
            // Without anything to spare the queue empties.
            ..100 if self.round_trip.has_grown() => per_cent(held, DEEP_DRAIN),
            ..100 => per_cent(held, gain),
            _ => per_cent(held, gain).saturating_add(self.spare(rate, held)),
        };
        self.window = self.window.max(self.window_min());
    }

    /// What has arrived without being acknowledged yet, and what threads have in hand.
    fn spare(&self, rate: u64, held: u64) -> u64 {
        let late = coming(rate, ACKNOWLEDGED_WITHIN).min(u64::from(ACKNOWLEDGED_AFTER) * self.mtu);
        late.max(self.lumps.largest().min(held)) + SPARE_PACKETS * self.mtu
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
        self.acknowledged(now, Packet { sent, bytes, is_app_limited });
    }

    fn on_end_acks(&mut self, now: Instant, _: u64, is_app_limited: bool, _: Option<u64>) {
        self.look(now, is_app_limited);
    }

    fn on_congestion_event(&mut self, now: Instant, _: Instant, is_persistent: bool, lost: u64) {
        if is_persistent {
            // Nothing came through for several round trips: whatever the path is, it is another one.
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
