//! Counts that are forgiven as time passes, of a bounded number of things. Knows no clock.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// How counts grow and shrink.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DecayPolicy {
    /// After so long one is forgiven.
    pub(crate) forgiven_every: Duration,
    /// A count grows no further.
    pub(crate) count_max: u32,
    /// So many counts are kept. Of more, the one that would be forgiven first is given up.
    pub(crate) records_max: usize,
}

#[derive(Debug, Clone, Copy)]
struct DecayingCounter {
    last: Instant,
    /// The count is what lies between now and then.
    forgiven_at: Instant,
}

/// Counts by the hash of what they count.
#[derive(Debug)]
pub(crate) struct DecayingCounters {
    policy: DecayPolicy,
    kept: HashMap<u64, DecayingCounter>,
}

impl DecayingCounters {
    pub(crate) fn new(policy: DecayPolicy) -> Self {
        Self { policy, kept: HashMap::new() }
    }

    /// What is not forgiven yet.
    pub(crate) fn count(&self, key: u64, now: Instant) -> u32 {
        let Some(record) = self.kept.get(&key) else { return 0 };
        let left = record.forgiven_at.saturating_duration_since(now).as_nanos();
        let count = left.div_ceil(self.policy.forgiven_every.as_nanos().max(1));
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// When it was counted last, where not all is forgiven yet.
    pub(crate) fn last(&self, key: u64, now: Instant) -> Option<Instant> {
        self.kept.get(&key).filter(|record| record.forgiven_at > now).map(|record| record.last)
    }

    /// Counts one more.
    pub(crate) fn add(&mut self, key: u64, now: Instant) {
        if !self.kept.contains_key(&key) {
            self.make_room(now);
        }
        let DecayPolicy { forgiven_every, count_max, .. } = self.policy;
        let record =
            self.kept.entry(key).or_insert(DecayingCounter { last: now, forgiven_at: now });
        record.last = now;
        let longest = now + forgiven_every.saturating_mul(count_max);
        record.forgiven_at = (record.forgiven_at.max(now) + forgiven_every).min(longest);
    }

    /// Forgives so many at once.
    pub(crate) fn take_back(&mut self, key: u64, count: u32) {
        let Some(record) = self.kept.get_mut(&key) else { return };
        let back = self.policy.forgiven_every.saturating_mul(count);
        match record.forgiven_at.checked_sub(back) {
            Some(forgiven_at) if forgiven_at > record.last => record.forgiven_at = forgiven_at,
            _ => drop(self.kept.remove(&key)),
        }
    }

    fn make_room(&mut self, now: Instant) {
        if self.kept.len() < self.policy.records_max {
            return;
        }
        self.kept.retain(|_, record| record.forgiven_at > now);
        while self.kept.len() >= self.policy.records_max {
            let first = self.kept.iter().min_by_key(|(_, record)| record.forgiven_at);
            let Some((&first, _)) = first else { return };
            self.kept.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const POLICY: DecayPolicy =
        DecayPolicy { forgiven_every: MINUTE, count_max: 4, records_max: 3 };

    fn counts(records: &DecayingCounters, keys: [u64; 4], now: Instant) -> [u32; 4] {
        keys.map(|key| records.count(key, now))
    }

    #[test]
    fn one_is_forgiven_after_another() {
        let (mut records, start) = (DecayingCounters::new(POLICY), Instant::now());
        let counts_after =
            |records: &DecayingCounters, minutes| records.count(7, start + MINUTE * minutes);
        for expected in [1, 2, 3, 4, 4] {
            records.add(7, start);
            assert_eq!(records.count(7, start), expected);
        }
        assert_eq!([1, 2, 3, 4, 5].map(|minutes| counts_after(&records, minutes)), [3, 2, 1, 0, 0]);
        assert_eq!(records.last(7, start + MINUTE * 3), Some(start));
        assert_eq!(records.last(7, start + MINUTE * 4), None);
        records.take_back(7, 1);
        assert_eq!(counts_after(&records, 1), 2);
        // What was counted between two steps takes nothing from what was forgiven till then.
        records.add(7, start + MINUTE / 2);
        assert_eq!(counts_after(&records, 1), 3);
        records.take_back(7, 9);
        assert!(records.kept.is_empty());
    }

    #[test]
    fn what_is_forgiven_makes_room_and_after_that_what_will_be_first() {
        let (mut records, start) = (DecayingCounters::new(POLICY), Instant::now());
        for key in [1, 1, 1, 2, 2, 3] {
            records.add(key, start);
        }
        records.add(4, start + MINUTE);
        assert_eq!(counts(&records, [1, 2, 3, 4], start + MINUTE), [2, 1, 0, 1]);
        records.add(5, start + MINUTE);
        assert_eq!(records.kept.len(), 3);
        assert_eq!(records.count(1, start + MINUTE), 2);
        // Many that are new do not push out who has been counted often.
        (6..100).for_each(|key| records.add(key, start + MINUTE));
        assert_eq!(records.count(1, start + MINUTE), 2);
        assert_eq!(records.kept.len(), 3);
    }
}
