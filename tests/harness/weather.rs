//! What a network does to datagrams, decided by dice.

use std::ops::Range;
use std::time::Duration;

use tokio::time::Instant;

use super::Dice;

/// How bad a path is.
#[derive(Clone)]
pub(crate) struct Weather {
    pub(crate) lost_percent: u64,
    pub(crate) doubled_percent: u64,
    /// How long a datagram takes: each its own time, so that some overtake others.
    pub(crate) delay_milliseconds: Range<u64>,
    /// How fast the path is in each direction; what comes faster waits.
    pub(crate) bytes_per_second: Option<u32>,
    /// How many bytes may wait before a slow path in each direction; a datagram that finds no room is lost.
    pub(crate) queue_bytes: u32,
    pub(crate) blackouts: Option<Blackouts>,
    /// The clients' ports towards the server change after times like these.
    pub(crate) port_milliseconds: Option<Range<u64>>,
}

/// Times in which nothing arrives.
#[derive(Clone)]
pub(crate) struct Blackouts {
    /// From the beginning of one to that of the next.
    pub(crate) every_milliseconds: u64,
    pub(crate) milliseconds: Range<u64>,
    /// The second of so many, again and again, is so long that no link outlasts it.
    pub(crate) long_one_in: u64,
    pub(crate) long: Duration,
}

impl Weather {
    pub(crate) const CLEAR: Self = Self {
        lost_percent: 0,
        doubled_percent: 0,
        delay_milliseconds: 0..1,
        bytes_per_second: None,
        queue_bytes: u32::MAX,
        blackouts: None,
        port_milliseconds: None,
    };

    /// A slow link with a queue of 32 KB before it, in each direction. All clients of the path share it.
    pub(crate) fn thin(bits_per_second: u32) -> Self {
        let bytes_per_second = Some(bits_per_second / 8);
        Self { bytes_per_second, queue_bytes: 32_000, ..Self::CLEAR }
    }

    /// A fast link on which each datagram takes this long, in each direction.
    pub(crate) fn far(one_way: Duration) -> Self {
        let milliseconds = u64::try_from(one_way.as_millis()).unwrap();
        Self { delay_milliseconds: milliseconds..milliseconds + 1, ..Self::CLEAR }
    }
}

/// How much happened.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally {
    pub(crate) arrived: u64,
    pub(crate) lost: u64,
    /// Those of the lost ones that found no room in the queue.
    pub(crate) overflowed: u64,
    /// What was handed to the path, lost or not, with the headers of IP and UDP.
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) doubled: u64,
    pub(crate) blackouts: u64,
    pub(crate) port_changes: u64,
}

/// The weather as it goes on.
pub(crate) struct Sky {
    weather: Weather,
    dice: Dice,
    /// The last blackout, or the next one.
    dark: Option<(Instant, Instant)>,
    ports_change: Option<Instant>,
    tally: Tally,
}

/// The headers of IPv4 and UDP, which a link carries as well.
const HEADER_BYTES: usize = 28;

/// Longer than any test.
const NEVER: Duration = Duration::from_secs(3_600);

impl Sky {
    pub(crate) fn new(weather: Weather, mut dice: Dice) -> Self {
        let now = Instant::now();
        let dark = weather.blackouts.as_ref().map(|blackouts| {
            // Paths of one test begin at different times.
            let begin = now + pick(&mut dice, 0..blackouts.every_milliseconds);
            (begin, begin + blackouts.length(0, &mut dice))
        });
        let ports_change =
            weather.port_milliseconds.clone().map(|range| now + pick(&mut dice, range));
        Self { weather, dice, dark, ports_change, tally: Tally::default() }
    }

    /// After how long the copies of a datagram arrive that is sent now: none where it is lost.
    pub(crate) fn delays(&mut self) -> Vec<Duration> {
        if self.is_dark() || self.dice.below(100) < self.weather.lost_percent {
            self.tally.lost += 1;
            return Vec::new();
        }
        let copies = match self.dice.below(100) < self.weather.doubled_percent {
            true => 2,
            false => 1,
        };
        self.tally.arrived += 1;
        self.tally.doubled += copies - 1;
        let range = self.weather.delay_milliseconds.clone();
        (0..copies).map(|_| pick(&mut self.dice, range.clone())).collect()
    }

    /// How long the path is busy with a datagram of so many bytes.
    fn busy(&self, bytes: usize) -> Duration {
        let rate = self.weather.bytes_per_second;
        let bytes = f64::from(u32::try_from(bytes + HEADER_BYTES).unwrap());
        rate.map_or(Duration::ZERO, |rate| Duration::from_secs_f64(bytes / f64::from(rate)))
    }

    /// When the path is done with a datagram that is put behind what it is busy with until `free`; `None`
    /// if it finds no room there.
    pub(crate) fn queue(&mut self, free: Instant, bytes: usize) -> Option<Instant> {
        let now = Instant::now();
        let waiting = free.saturating_duration_since(now) + self.busy(bytes);
        let room = self.weather.bytes_per_second.map(|rate| {
            Duration::from_secs_f64(f64::from(self.weather.queue_bytes) / f64::from(rate))
        });
        if room.is_some_and(|room| waiting > room) {
            self.tally.overflowed += 1;
            self.tally.lost += 1;
            return None;
        }
        Some(now.max(free) + self.busy(bytes))
    }

    /// Counts a datagram that is handed to the path.
    pub(crate) fn count(&mut self, bytes: usize, to_server: bool) {
        let bytes = u64::try_from(bytes + HEADER_BYTES).unwrap();
        let count = match to_server {
            true => &mut self.tally.bytes_up,
            false => &mut self.tally.bytes_down,
        };
        *count += bytes;
    }

    /// When something changes by itself.
    pub(crate) fn change(&self) -> Instant {
        self.ports_change.unwrap_or_else(|| Instant::now() + NEVER)
    }

    /// Whether the time has come for other ports.
    pub(crate) fn ports_change(&mut self) -> bool {
        let now = Instant::now();
        let range = self.weather.port_milliseconds.clone();
        let (Some(range), Some(due)) = (range, self.ports_change) else { return false };
        if now < due {
            return false;
        }
        self.ports_change = Some(now + pick(&mut self.dice, range));
        self.tally.port_changes += 1;
        true
    }

    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    fn is_dark(&mut self) -> bool {
        let now = Instant::now();
        let Some(blackouts) = &self.weather.blackouts else { return false };
        while let Some((mut begin, end)) = self.dark
            && end <= now
        {
            self.tally.blackouts += 1;
            while begin <= end {
                begin += Duration::from_millis(blackouts.every_milliseconds);
            }
            let length = blackouts.length(self.tally.blackouts, &mut self.dice);
            self.dark = Some((begin, begin + length));
        }
        self.dark.is_some_and(|(begin, _)| begin <= now)
    }
}

impl Blackouts {
    fn length(&self, number: u64, dice: &mut Dice) -> Duration {
        match number % self.long_one_in {
            1 => self.long,
            _ => pick(dice, self.milliseconds.clone()),
        }
    }
}

fn pick(dice: &mut Dice, milliseconds: Range<u64>) -> Duration {
    let span = milliseconds.end - milliseconds.start;
    Duration::from_millis(milliseconds.start + dice.below(span))
}
