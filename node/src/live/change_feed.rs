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
mod tests;
