//! Counts the events that a test is about. A fault-injection test whose faults never happen shows nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Counters by name, for several threads.
#[derive(Debug, Default)]
pub(super) struct OutcomeCounts(Mutex<BTreeMap<&'static str, u64>>);

impl OutcomeCounts {
    pub(super) fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(super) fn of(&self, what: &'static str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    /// Prints the counters, and asserts that each of these is positive.
    pub(super) fn check(&self, wanted: &[&'static str]) {
        println!("{:#?}", self.0.lock().unwrap());
        for what in wanted {
            assert!(self.of(what) > 0, "never: {what}");
        }
    }
}
