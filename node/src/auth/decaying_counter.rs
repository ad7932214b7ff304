//! A bounded number of counters that decay with time. Knows no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The growth and decay of counters.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecayPolicy {
    /// The time after which a counter loses one.
    pub(crate) decay_time: Duration,
    /// The highest value of a counter.
    pub(crate) count_max: u32,
    /// The number of counters. Beyond it, the counter that would decay to zero first is removed.
    pub(crate) counters_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct DecayingCounter {
    last: Instant,
    /// The time at which the counter is zero. Its value is the time until then, in steps of the policy.
    zero_at: Instant,
}

/// Counters by the hash of their key.
#[derive(Debug)]
pub(crate) struct DecayingCounters {
    policy: DecayPolicy,
    counters: HashMap<u64, DecayingCounter>,
}

impl DecayingCounters {
    pub(crate) fn new(policy: DecayPolicy) -> Self {
        Self { policy, counters: HashMap::new() }
    }

    /// The value of a counter.
    pub(crate) fn count(&self, key: u64, now: Instant) -> u32 {
        let Some(counter) = self.counters.get(&key) else { return 0 };
        let left = counter.zero_at.saturating_duration_since(now).as_nanos();
        let count = left.div_ceil(self.policy.decay_time.as_nanos().max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// The time of the last addition, if the counter is not zero.
    pub(crate) fn last(&self, key: u64, now: Instant) -> Option<Instant> {
        self.counters.get(&key).filter(|counter| counter.zero_at > now).map(|counter| counter.last)
    }

    /// Adds one.
    pub(crate) fn add(&mut self, key: u64, now: Instant) {
        if !self.counters.contains_key(&key) {
            self.make_room(now);
        }
        let DecayPolicy { decay_time, count_max, .. } = self.policy;
        let counter =
            self.counters.entry(key).or_insert(DecayingCounter { last: now, zero_at: now });
        counter.last = now;
        let longest = now + decay_time.saturating_mul(count_max);
        counter.zero_at = (counter.zero_at.max(now) + decay_time).min(longest);
    }

    /// Subtracts so many.
    pub(crate) fn subtract(&mut self, key: u64, count: u32) {
        let Some(counter) = self.counters.get_mut(&key) else { return };
        let back = self.policy.decay_time.saturating_mul(count);
        match counter.zero_at.checked_sub(back) {
            Some(zero_at) if zero_at > counter.last => counter.zero_at = zero_at,
            _ => drop(self.counters.remove(&key)),
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.counters.len() < self.policy.counters_max {
            return;
        }
        self.counters.retain(|_, counter| counter.zero_at > now);
        while self.counters.len() >= self.policy.counters_max {
            let first = self.counters.iter().min_by_key(|(_, counter)| counter.zero_at);
            let Some((&first, _)) = first else { return };
            self.counters.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests;
