//! Faults of a network: loss, duplicates, delay, a slow link, outages.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use super::SeededRandom;

/// The faults of a network path.
#[derive(Clone)]
pub(crate) struct NetworkFaults {
    pub(crate) lost_percent: u64,
    pub(crate) duplicated_percent: u64,
    /// The delay of each datagram is drawn from this range, so that some overtake others.
    pub(crate) delay_milliseconds: Range<u64>,
    /// The bandwidth in each direction. Faster datagrams wait in a queue.
    pub(crate) bytes_per_second: Option<u32>,
    /// The queue before a slow link, in each direction. A datagram that does not fit is lost.
    pub(crate) queue_bytes: u32,
    pub(crate) outages: Option<Outages>,
    /// The ports of the clients towards the server change after a time from this range.
    pub(crate) port_milliseconds: Option<Range<u64>>,
}

/// Periods in which no datagram arrives.
#[derive(Clone)]
pub(crate) struct Outages {
    /// From the beginning of an outage to the beginning of the next.
    pub(crate) every_milliseconds: u64,
    pub(crate) milliseconds: Range<u64>,
    /// The second of each group of this many outages lasts [`Self::long`].
    pub(crate) long_one_in: u64,
    /// Longer than a connection survives.
    pub(crate) long: Duration,
}

impl NetworkFaults {
    pub(crate) const NONE: Self = Self {
        lost_percent: 0,
        duplicated_percent: 0,
        delay_milliseconds: 0..1,
        bytes_per_second: None,
        queue_bytes: u32::MAX,
        outages: None,
        port_milliseconds: None,
    };

    /// A slow link with a queue of 32 KB in each direction. All clients of the relay share it.
    pub(crate) fn slow(bits_per_second: u32) -> Self {
        let bytes_per_second = Some(bits_per_second / 8);
        Self { bytes_per_second, queue_bytes: 32_000, ..Self::NONE }
    }

    /// A fast link that delays each datagram by this time, in each direction.
    pub(crate) fn delayed(one_way: Duration) -> Self {
        let milliseconds = u64::try_from(one_way.as_millis()).unwrap();
        Self { delay_milliseconds: milliseconds..milliseconds + 1, ..Self::NONE }
    }
}

/// Counts of datagrams, bytes and faults.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NetworkCounters {
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    /// The part of `lost` that did not fit into the queue.
    pub(crate) overflowed: u64,
    /// Bytes from the clients, lost ones included, with IP and UDP headers.
    pub(crate) bytes_up: u64,
    /// Bytes from the server, likewise.
    pub(crate) bytes_down: u64,
    pub(crate) duplicated: u64,
    pub(crate) outages: u64,
    pub(crate) port_changes: u64,
}

/// The state of a faulty network.
pub(crate) struct FaultyNetwork {
    faults: NetworkFaults,
    random: SeededRandom,
    /// Begin and end of the current or the next outage.
    outage: Option<(Instant, Instant)>,
    ports_change: Option<Instant>,
    counters: NetworkCounters,
}

/// The headers of IPv4 and UDP, which a link carries too.
const HEADER_BYTES: usize = 28;

/// Longer than each test.
const NEVER: Duration = Duration::from_secs(3_600);

impl FaultyNetwork {
    pub(crate) fn new(faults: NetworkFaults, mut random: SeededRandom) -> Self {
        let now = Instant::now();
        let outage = faults.outages.as_ref().map(|outages| {
            // The outages of several paths in a test do not coincide.
            let begin = now + pick(&mut random, 0..outages.every_milliseconds);
            (begin, begin + outages.length(0, &mut random))
        });
        let ports_change =
            faults.port_milliseconds.clone().map(|range| now + pick(&mut random, range));
        Self { faults, random, outage, ports_change, counters: NetworkCounters::default() }
    }

    /// The delay of each copy of a datagram. Empty if the datagram is lost.
    pub(crate) fn delays(&mut self) -> Vec<Duration> {
        if self.is_in_outage() || self.random.below(100) < self.faults.lost_percent {
            self.counters.lost += 1;
            return Vec::new();
        }
        let copies = match self.random.below(100) < self.faults.duplicated_percent {
            true => 2,
            false => 1,
        };
        self.counters.arrived += 1;
        self.counters.duplicated += copies - 1;
        let range = self.faults.delay_milliseconds.clone();
        (0..copies).map(|_| pick(&mut self.random, range.clone())).collect()
    }

    /// The transmission time of a datagram.
    fn transmission(&self, bytes: usize) -> Duration {
        let rate = self.faults.bytes_per_second;
        let bytes = f64::from(u32::try_from(bytes + HEADER_BYTES).unwrap());
        rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes / f64::from(rate)))
    }

    /// The end of the transmission of a datagram on a link that is busy until `free`. `None` if the queue
    /// is full.
    pub(crate) fn queue(&mut self, free: Instant, bytes: usize) -> Option<Instant> {
        let now = Instant::now();
        let waiting = free.saturating_duration_since(now) + self.transmission(bytes);
        let limit = self.faults.bytes_per_second.map(|rate| {
            Duration::from_secs_f64(f64::from(self.faults.queue_bytes) / f64::from(rate))
        });
        if limit.is_some_and(|limit| waiting > limit) {
            self.counters.overflowed += 1;
            self.counters.lost += 1;
            return None;
        }
        Some(now.max(free) + self.transmission(bytes))
    }

    /// Counts the bytes of a datagram before it is lost or delayed.
    pub(crate) fn count(&mut self, bytes: usize, to_server: bool) {
        let bytes = u64::try_from(bytes + HEADER_BYTES).unwrap();
        let count = match to_server {
            true => &mut self.counters.bytes_up,
            false => &mut self.counters.bytes_down,
        };
        *count += bytes;
    }

    /// The time of the next change of ports.
    pub(crate) fn next_port_change(&self) -> Instant {
        self.ports_change.unwrap_or_else(|| Instant::now() + NEVER)
    }

    /// Whether the ports change now. If so, draws the time of the next change.
    pub(crate) fn ports_change(&mut self) -> bool {
        let now = Instant::now();
        let range = self.faults.port_milliseconds.clone();
        let (Some(range), Some(due)) = (range, self.ports_change) else { return false };
        if now < due {
            return false;
        }
        self.ports_change = Some(now + pick(&mut self.random, range));
        self.counters.port_changes += 1;
        true
    }

    pub(crate) fn counters(&self) -> NetworkCounters {
        self.counters
    }

    fn is_in_outage(&mut self) -> bool {
        let now = Instant::now();
        let Some(outages) = &self.faults.outages else { return false };
        while let Some((mut begin, end)) = self.outage
            && end <= now
        {
            self.counters.outages += 1;
            while begin <= end {
                begin += Duration::from_millis(outages.every_milliseconds);
            }
            let length = outages.length(self.counters.outages, &mut self.random);
            self.outage = Some((begin, begin + length));
        }
        self.outage.is_some_and(|(begin, _)| begin <= now)
    }
}

impl Outages {
    fn length(&self, number: u64, random: &mut SeededRandom) -> Duration {
        match number % self.long_one_in {
            1 => self.long,
            _ => pick(random, self.milliseconds.clone()),
        }
    }
}

fn pick(random: &mut SeededRandom, milliseconds: Range<u64>) -> Duration {
    let span = milliseconds.end - milliseconds.start;
    Duration::from_millis(milliseconds.start + random.below(span))
}
