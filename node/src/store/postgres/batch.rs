//! A batch of changes, and the run of its changes on an overlay.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;

use super::locks::LockSet;
use crate::store::error::StoreError;
use crate::store::interface::{Stop, Table, WriterNumber};
use crate::store::job::Job;
use crate::store::overlay::{BlindWrites, MissingRows, RowOverlay};
use crate::store::schema::keys;

/// Changes that are made in one transaction.
pub(super) struct ChangeBatch {
    pub(super) jobs: Vec<Box<dyn Job>>,
    /// The rows that the changes need, as far as it is known.
    pub(super) needs: MissingRows,
    /// Rows that are almost certainly absent.
    absent: Vec<(Table, Bytes)>,
    pub(super) locks: LockSet,
    /// Whether rows that were not read are taken for absent. An insertion disproves it.
    pub(super) is_optimistic: bool,
    /// How often the batch has met others in its way.
    pub(super) conflicts: u32,
    /// The number of changes that have run on the overlay.
    applied: usize,
}

impl ChangeBatch {
    pub(super) fn of(jobs: Vec<Box<dyn Job>>) -> Self {
        let (mut needs, mut absent) = (MissingRows::default(), Vec::new());
        let mut locks = LockSet::default();
        for job in &jobs {
            let mut hint = job.needs();
            for (table, key) in std::mem::take(&mut hint.absent) {
                locks.add_row(table, &key);
                absent.push((table, key.into()));
            }
            needs.add_hint(hint);
        }
        locks.add_all(&needs);
        Self { jobs, needs, absent, locks, is_optimistic: true, conflicts: 0, applied: 0 }
    }

    /// The two halves of the batch, each in its order.
    pub(super) fn halves(self) -> [Self; 2] {
        let mut first = self.jobs;
        let second = first.split_off(first.len() / 2);
        [first, second].map(|jobs| Self { is_optimistic: self.is_optimistic, ..Self::of(jobs) })
    }

    /// Notes that each message takes the next key of its writer.
    pub(super) fn expect_writer(&mut self, writer: WriterNumber) {
        let key = keys::last_message(writer);
        self.locks.add_row(Table::LastMessages, &key);
        self.needs.rows.insert((Table::LastMessages, key.into()));
    }

    /// The rows to read before the first run.
    pub(super) fn first_needs(&mut self) -> &MissingRows {
        if !self.is_optimistic {
            self.needs.rows.extend(self.absent.drain(..));
        }
        &self.needs
    }

    /// An overlay for the batch, without the rows to read.
    pub(super) fn overlay(&mut self, writer: WriterNumber) -> RowOverlay {
        self.applied = 0;
        let mut overlay = RowOverlay::of(writer);
        if self.is_optimistic {
            for (table, key) in &self.absent {
                overlay.assume_absent(*table, key.clone());
            }
        }
        overlay
    }

    pub(super) fn blind_writes(&self) -> BlindWrites {
        match self.is_optimistic {
            true => BlindWrites::Insert,
            false => BlindWrites::Upsert,
        }
    }

    /// Notes rows that turned out to be needed, for a later try.
    pub(super) fn note(&mut self, missing: &MissingRows) {
        self.needs.rows.extend(missing.rows.iter().cloned());
        for range in &missing.ranges {
            if !self.needs.ranges.contains(range) {
                self.needs.ranges.push(range.clone());
            }
        }
        self.locks.add_all(missing);
    }

    /// Runs the changes that have not run yet, in their order, up to the first that lacks rows. Those behind it only
    /// report their needs, and are undone. Returns the rows to read; if there are none, all changes have run.
    ///
    /// A change that meets a damaged record fails alone, and leaves the batch.
    pub(super) fn run(&mut self, overlay: &mut RowOverlay) -> MissingRows {
        if overlay.is_disproved() {
            overlay.forget_writes();
            self.applied = 0;
        }
        let mut position = self.applied;
        while let Some(job) = self.jobs.get_mut(position) {
            overlay.begin();
            let is_next = position == self.applied;
            match apply(job, overlay) {
                Ok(()) if is_next => self.applied += 1,
                Err(Stop::Fault(error)) if is_next => {
                    overlay.undo();
                    self.jobs.remove(position).failed(Arc::new(error));
                    continue;
                }
                Ok(()) | Err(Stop::Missing | Stop::Fault(_)) => overlay.undo(),
            }
            position += 1;
        }
        let missing = overlay.take_missing();
        match self.applied == self.jobs.len() {
            true => overlay.unproven(),
            false => missing,
        }
    }

    /// Whether all changes have run.
    pub(super) fn has_run(&self) -> bool {
        self.applied == self.jobs.len()
    }
}

/// Runs a change. Its panic must not end the driver.
fn apply(job: &mut Box<dyn Job>, overlay: &mut RowOverlay) -> Result<(), Stop> {
    let applied = catch_unwind(AssertUnwindSafe(|| job.apply(overlay)));
    applied.unwrap_or(Err(Stop::Fault(StoreError::Panicked)))
}
