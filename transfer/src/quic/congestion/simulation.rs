//! A simulated path with one bottleneck, and flows that send over it as quinn does.

use std::collections::VecDeque;

use super::path_model::{Packet, bytes_in};
use super::{
    ACKNOWLEDGED_AFTER, ACKNOWLEDGED_WITHIN, BbrController, Controller, Duration, Instant,
};

const PACKET: u64 = 1_400;
const TICK: Duration = Duration::from_micros(100);

/// The properties of a path. They can change while packets travel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Link {
    pub(super) bytes_per_second: u64,
    /// The one-way delay.
    pub(super) delay: Duration,
    /// A packet that would wait longer in the queue is dropped.
    pub(super) queue_max: Duration,
    pub(super) lost_per_cent: u64,
    /// Packets arrive together at the end of such a period, as on a radio link with slots.
    pub(super) slot: Duration,
}

/// 10 Mbit/s, and 40 ms there and back.
pub(super) const SLOW: Link = Link {
    bytes_per_second: 1_250_000,
    delay: Duration::from_millis(20),
    queue_max: Duration::from_millis(100),
    lost_per_cent: 0,
    slot: TICK,
};

/// A bottleneck with flows, and measurements.
pub(super) struct Simulation {
    pub(super) link: Link,
    begun: Instant,
    now: Instant,
    /// The time at which the queue will be empty.
    free: Instant,
    noise: u64,
    pub(super) flows: Vec<Flow>,
    waits: Vec<Duration>,
}

/// One sender of packets, and the receiver that acknowledges them.
pub(super) struct Flow {
    pub(super) model: BbrController,
    number: u64,
    in_flight: VecDeque<(u64, Instant)>,
    /// In bytes.
    tokens: f64,
    round_trip: Duration,
    /// The bytes that the application sends each millisecond, or `None` for a file without end.
    pub(super) app_bytes: Option<u64>,
    app_waiting: u64,
    is_app_limited: bool,
    arriving: VecDeque<(Instant, u64)>,
    arrived: Vec<u64>,
    arrived_since: Instant,
    acknowledging: VecDeque<(Instant, Vec<u64>)>,
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) delivered: u64,
}

/// The bytes of a flow in a period.
#[derive(Debug, Clone, Copy)]
pub(super) struct FlowCounters {
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) delivered: u64,
}

impl Flow {
    fn new(now: Instant, app_bytes: Option<u64>) -> Self {
        Self {
            model: BbrController::new(now, u16::try_from(PACKET).unwrap()),
            number: 0,
            in_flight: VecDeque::new(),
            tokens: 0.0,
            round_trip: Duration::from_millis(100),
            app_bytes,
            app_waiting: 0,
            is_app_limited: true,
            arriving: VecDeque::new(),
            arrived: Vec::new(),
            arrived_since: now,
            acknowledging: VecDeque::new(),
            sent: 0,
            lost: 0,
            delivered: 0,
        }
    }

    fn window(&self) -> f64 {
        f64::from(u32::try_from(self.model.window()).unwrap())
    }

    fn in_flight(&self) -> u64 {
        PACKET * u64::try_from(self.in_flight.len()).unwrap()
    }

    /// Whether another packet may go: quinn's pacer sends a quarter more than a window each round trip.
    fn may_send(&mut self) -> bool {
        let has_data = self.app_bytes.is_none() || self.app_waiting >= PACKET;
        let is_blocked = self.in_flight() + PACKET >= self.model.window() || self.tokens < packet();
        self.is_app_limited = !has_data && !is_blocked;
        has_data && !is_blocked
    }

    fn tick(&mut self) {
        let gained = self.window() * 1.25 * TICK.as_secs_f64() / self.round_trip.as_secs_f64();
        self.tokens = (self.tokens + gained).min(10.0 * packet() + 20.0 * gained);
        self.app_waiting += self.app_bytes.unwrap_or_default() / 10;
    }

    /// Receives packets, and acknowledges after as many packets as we ask for, or after as long.
    fn receive(&mut self, now: Instant, delay: Duration) {
        while self.arriving.front().is_some_and(|(time, _)| *time <= now) {
            let Some((_, number)) = self.arriving.pop_front() else { break };
            if self.arrived.is_empty() {
                self.arrived_since = now;
            }
            self.arrived.push(number);
        }
        let is_many = self.arrived.len() >= usize::try_from(ACKNOWLEDGED_AFTER).unwrap();
        let is_late = now - self.arrived_since >= ACKNOWLEDGED_WITHIN;
        if !self.arrived.is_empty() && (is_many || is_late) {
            self.acknowledging.push_back((now + delay, std::mem::take(&mut self.arrived)));
        }
    }

    fn acknowledge(&mut self, now: Instant) {
        while self.acknowledging.front().is_some_and(|(time, _)| *time <= now) {
            let Some((_, numbers)) = self.acknowledging.pop_front() else { break };
            let Some(newest) = numbers.last().copied() else { break };
            let is_app_limited = self.is_app_limited;
            for number in numbers {
                let place = self.in_flight.iter().position(|(sent, _)| *sent == number);
                let Some((_, sent)) = place.and_then(|at| self.in_flight.remove(at)) else {
                    continue;
                };
                self.round_trip = (self.round_trip * 7 + (now - sent)) / 8;
                self.delivered += PACKET;
                self.model.count_acknowledged(now, Packet { sent, bytes: PACKET, is_app_limited });
            }
            self.model.update(now, is_app_limited);
            self.lose(now, newest);
        }
        // If all packets are lost, no acknowledgement comes any more.
        let oldest = self.in_flight.front().map(|(_, sent)| now - *sent);
        if oldest.is_some_and(|age| age > 4 * self.round_trip + Duration::from_millis(200)) {
            self.lose(now, u64::MAX);
        }
    }

    fn lose(&mut self, now: Instant, newest: u64) {
        let mut lost = 0;
        while self.in_flight.front().is_some_and(|(number, _)| number.saturating_add(3) <= newest) {
            self.in_flight.pop_front();
            lost += PACKET;
        }
        if lost > 0 {
            self.lost += lost;
            self.model.on_congestion_event(now, now, false, lost);
        }
    }
}

fn packet() -> f64 {
    f64::from(u32::try_from(PACKET).unwrap())
}

impl Simulation {
    pub(super) fn of(link: Link) -> Self {
        let now = Instant::now();
        let noise = 0x9e37_79b9_7f4a_7c15;
        Self { link, begun: now, now, free: now, noise, flows: Vec::new(), waits: Vec::new() }
    }

    /// Adds a flow of an application that sends this many bytes each millisecond, or of a file.
    pub(super) fn add(&mut self, app_bytes: Option<u64>) {
        self.flows.push(Flow::new(self.now, app_bytes));
    }

    fn random(&mut self) -> u64 {
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        self.noise
    }

    /// Runs for a time, and returns what each flow did.
    pub(super) fn run(&mut self, time: Duration) -> Vec<FlowCounters> {
        self.waits.clear();
        let seen = |flow: &Flow| FlowCounters {
            sent: flow.sent,
            lost: flow.lost,
            delivered: flow.delivered,
        };
        let before: Vec<_> = self.flows.iter().map(seen).collect();
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            self.waits.push(self.free.saturating_duration_since(self.now));
            for at in 0..self.flows.len() {
                self.tick(at);
            }
        }
        let after = self.flows.iter().map(seen).zip(before);
        let passed = |(after, before): (FlowCounters, FlowCounters)| FlowCounters {
            sent: after.sent - before.sent,
            lost: after.lost - before.lost,
            delivered: after.delivered - before.delivered,
        };
        after.map(passed).collect()
    }

    fn tick(&mut self, at: usize) {
        let (now, delay) = (self.now, self.link.delay);
        self.flows[at].receive(now, delay);
        self.flows[at].acknowledge(now);
        self.flows[at].tick();
        while self.flows[at].may_send() {
            let arrival = self.enter();
            let flow = &mut self.flows[at];
            flow.tokens -= packet();
            flow.app_waiting = flow.app_waiting.saturating_sub(PACKET);
            flow.in_flight.push_back((flow.number, now));
            flow.arriving.extend(arrival.map(|arrival| (arrival, flow.number)));
            flow.number += 1;
            flow.sent += PACKET;
        }
    }

    /// The arrival time of a packet that is sent now, unless the path drops it.
    fn enter(&mut self) -> Option<Instant> {
        let start = self.free.max(self.now);
        let is_lost = self.random() % 100 < self.link.lost_per_cent;
        if is_lost || start - self.now > self.link.queue_max {
            return None;
        }
        self.free = start + Duration::from_secs_f64(packet() / self.link.rate());
        let arrival = self.free + self.link.delay - self.begun;
        let slots = arrival.as_nanos().div_ceil(self.link.slot.as_nanos());
        Some(self.begun + self.link.slot * u32::try_from(slots).unwrap())
    }

    /// The wait in the queue that only this many per cent of the last run's waits exceed.
    pub(super) fn wait(&self, but_per_cent: usize) -> Duration {
        let mut waits = self.waits.clone();
        waits.sort_unstable();
        waits[(waits.len() - 1) * (100 - but_per_cent) / 100]
    }

    /// The part of the link that the flows used, in per cent.
    pub(super) fn used(&self, seen: &[FlowCounters], time: Duration) -> u64 {
        let delivered: u64 = seen.iter().map(|seen| seen.delivered).sum();
        delivered * 100 / bytes_in(self.link.bytes_per_second, time)
    }
}

impl Link {
    fn rate(self) -> f64 {
        f64::from(u32::try_from(self.bytes_per_second).unwrap())
    }
}

pub(super) const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}
