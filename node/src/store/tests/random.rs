//! Random numbers from a seed, the same on every computer; or numbers from the input of a fuzzer.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The source of a test's random choices.
#[derive(Debug, Clone)]
pub(in crate::store) enum Random {
    /// SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), which needs eight lines and is good enough for choices.
    Seed(u64),
    /// Bytes that determine the choices in order. When the bytes are used up, every choice is the first one.
    Tape(VecDeque<u8>),
}

impl Random {
    pub(in crate::store) fn new(seed: u64) -> Self {
        Self::Seed(seed)
    }

    /// A random number, for a choice among `bound` values. It may be larger than `bound`.
    fn next(&mut self, bound: u64) -> u64 {
        match self {
            Self::Seed(seed) => next_of(seed),
            Self::Tape(tape) if bound <= 256 => tape.pop_front().map_or(0, u64::from),
            Self::Tape(tape) => {
                let bytes = (0..8).map(|_| tape.pop_front().unwrap_or(0));
                bytes.fold(0, |number, byte| number << 8 | u64::from(byte))
            }
        }
    }

    /// Whether all bytes are used up.
    pub(in crate::store) fn is_spent(&self) -> bool {
        matches!(self, Self::Tape(tape) if tape.is_empty())
    }

    /// A number in a range, which must not be empty.
    pub(in crate::store) fn within(&mut self, range: Range<u64>) -> u64 {
        let bound = range.end - range.start;
        range.start + self.next(bound) % bound
    }

    /// True once in `times` calls on average.
    pub(in crate::store) fn once_in(&mut self, times: u64) -> bool {
        self.within(0..times) == 0
    }

    pub(in crate::store) fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.within(0..u64::try_from(length).unwrap())).unwrap()
    }

    pub(in crate::store) fn pick<T: Copy, const COUNT: usize>(&mut self, items: [T; COUNT]) -> T {
        items[self.index(COUNT)]
    }

    pub(in crate::store) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.index(end + 1));
        }
    }
}

fn next_of(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Prints the seed of a case that panics.
struct SeedReport(u64);

impl Drop for SeedReport {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("this was seed {0}; QCHAT_SEED={0} runs it alone", self.0);
        }
    }
}

/// A number from an environment variable, with a default.
pub(in crate::store) fn setting(variable: &str, otherwise: u64) -> u64 {
    std::env::var(variable).map_or(otherwise, |number| number.parse().unwrap())
}

/// Runs a case with the seeds from 0 on, on two threads, until `is_enough` returns true for the next seed.
pub(in crate::store) fn run_seeds(
    is_enough: impl Fn(u64) -> bool + Sync,
    case: impl Fn(Random) + Sync,
) {
    let run = |seed| {
        let _report = SeedReport(seed);
        case(Random::new(seed));
    };
    if std::env::var_os("QCHAT_SEED").is_some() {
        return run(setting("QCHAT_SEED", 0));
    }
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    match next.fetch_add(1, Ordering::Relaxed) {
                        seed if is_enough(seed) => break,
                        seed => run(seed),
                    }
                }
            });
        }
    });
}
