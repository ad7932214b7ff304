//! Disks that fail and lose power under the store.

pub(crate) mod disk;
pub(crate) mod disk_store;
#[cfg(test)]
mod failing_calls;
#[cfg(test)]
mod outcome_counts;
#[cfg(test)]
mod power_cuts;
