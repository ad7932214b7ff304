//! How often what a test is about happened: a test of accidents that never happen shows nothing.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Counts by name, from several threads.
#[derive(Debug, Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, u64>>);

impl Tally {
    pub(super) fn count(&self, what: &'static str) {
        *self.0.lock().unwrap().entry(what).or_default() += 1;
    }

    pub(super) fn of(&self, what: &'static str) -> u64 {
        self.0.lock().unwrap().get(what).copied().unwrap_or_default()
    }

    /// Prints the counts, and wants each of these to have happened.
    pub(super) fn check(&self, wanted: &[&'static str]) {
        println!("{:#?}", self.0.lock().unwrap());
        for what in wanted {
            assert!(self.of(what) > 0, "never: {what}");
        }
    }
}
