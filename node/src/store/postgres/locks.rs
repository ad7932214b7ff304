//! The locks of entities.
//!
//! Every key belongs to one entity. The lock of an entity is a row of `entity_lock`, and also covers rows of the entity
//! that do not exist and ranges within it. Entities that share a row only wait for each other.

use std::collections::BTreeSet;

use crate::store::interface::{Range, Table};
use crate::store::overlay::MissingRows;
use crate::store::schema::entity::{entity, entity_of_range};

/// The number of rows in `entity_lock`. All servers of a database use the same.
pub(super) const LOCKS: i32 = 4096;

/// A set of locks, in the order in which they are taken.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LockSet(BTreeSet<i32>);

impl LockSet {
    pub(super) fn add_row(&mut self, table: Table, key: &[u8]) {
        self.0.insert(lock_of(entity(table, key)));
    }

    /// A range over several entities needs all locks.
    pub(super) fn add_range(&mut self, range: &Range) {
        match entity_of_range(range) {
            Some(entity) => _ = self.0.insert(lock_of(entity)),
            None => self.0.extend(0..LOCKS),
        }
    }

    pub(super) fn add_all(&mut self, missing: &MissingRows) {
        missing.rows.iter().for_each(|(table, key)| self.add_row(*table, key));
        missing.ranges.iter().for_each(|range| self.add_range(range));
    }

    pub(super) fn add_locks(&mut self, other: &Self) {
        self.0.extend(&other.0);
    }

    /// Whether all locks of `other` are among these.
    pub(super) fn has_all(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// The locks, sorted.
    pub(super) fn sorted(&self) -> Vec<i32> {
        self.0.iter().copied().collect()
    }
}

/// The lock of an entity: FNV-1a over its bytes. It must be the same in every version of qchat.
fn lock_of(entity: &[u8]) -> i32 {
    let hash = fnv1a(entity);
    let locks = u64::try_from(LOCKS).unwrap_or(1);
    i32::try_from(hash % locks).unwrap_or_default()
}

/// The 64-bit FNV-1a hash (Fowler, Noll and Vo).
pub(super) fn fnv1a(bytes: &[u8]) -> u64 {
    let hash = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, hash)
}

#[cfg(test)]
mod tests;
