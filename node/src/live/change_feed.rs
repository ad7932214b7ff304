//! A change log that keeps only the latest value of each key, so that a slow reader does little work.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// The most changes in the log. A reader that is further behind misses the oldest changes, but can always query the
/// current state.
const CHANGES_MAX: usize = 65_536;

/// The latest change of each key, in the order of the changes.
#[derive(Debug)]
pub(crate) struct ChangeFeed<K, V> {
    /// The number of the latest change.
    version: u64,
    changes: BTreeMap<u64, (K, V)>,
    last_change: HashMap<K, u64>,
}

impl<K, V> Default for ChangeFeed<K, V> {
    fn default() -> Self {
        Self { version: 0, changes: BTreeMap::new(), last_change: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash, V: Clone> ChangeFeed<K, V> {
    /// Records a new value of a key.
    pub(crate) fn note(&mut self, key: K, value: V) {
        self.version += 1;
        if let Some(earlier) = self.last_change.insert(key.clone(), self.version) {
            self.changes.remove(&earlier);
        }
        self.changes.insert(self.version, (key, value));
        if self.changes.len() > CHANGES_MAX
            && let Some((_, (oldest, _))) = self.changes.pop_first()
        {
            self.last_change.remove(&oldest);
        }
    }

    /// The number of the latest change, the argument of the next call of [`since`](Self::since).
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// The number of the latest change of a key; `None` if the log does not contain the key.
    pub(crate) fn last_change(&self, key: &K) -> Option<u64> {
        self.last_change.get(key).copied()
    }

    /// The changes after `version` with their numbers: each key once, with its latest value.
    pub(crate) fn since(&self, version: u64) -> impl Iterator<Item = (u64, &(K, V))> {
        self.changes.range(version.saturating_add(1)..).map(|(&number, change)| (number, change))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_returned_once_with_its_latest_value() {
        let mut feed = ChangeFeed::default();
        feed.note("alice", true);
        let seen = feed.version();
        feed.note("bob", true);
        feed.note("alice", false);
        feed.note("alice", true);
        feed.note("bob", false);
        let changed: Vec<_> = feed.since(seen).map(|(_, change)| *change).collect();
        assert_eq!(changed, [("alice", true), ("bob", false)]);
        assert_eq!(feed.last_change(&"bob"), Some(feed.version()));
        assert_eq!(feed.since(feed.version()).count(), 0);
    }

    #[test]
    fn the_oldest_changes_are_forgotten() {
        let mut feed = ChangeFeed::default();
        for number in 0..=CHANGES_MAX {
            feed.note(number, ());
        }
        assert_eq!(feed.since(0).count(), CHANGES_MAX);
        assert_eq!(feed.last_change.len(), CHANGES_MAX);
        feed.note(0, ());
        assert_eq!(feed.since(0).last().map(|(_, change)| change), Some(&(0, ())));
    }
}
