//! The transactions of the writer thread in a redb database.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use redb::Database;

use super::database::ReopeningDatabase;
use super::tables::{self, WriteTables};
use crate::error_chain::error_chain;
use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::Stop;
use crate::store::job::{Job, Notify, answer, fail};

/// Makes the changes of a batch. After an I/O error, reopens the database and looks up whether the transaction is
/// durable. Changes that only met the `PreviousIo` of an earlier error are tried once more.
pub(in crate::store) fn write_or_reopen(
    database: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) {
    let unanswered = write_once(database, batch, free_space, notify);
    let (untried, tried): (Vec<_>, Vec<_>) =
        unanswered.into_iter().partition(UnansweredBatch::is_untried);
    // In this order: the outcome of a transaction can be looked up only until the next one.
    tried.into_iter().for_each(|batch| batch.look_up(database, notify));
    let again: Vec<_> = untried.into_iter().flat_map(|batch| batch.jobs).collect();
    if !again.is_empty() {
        let unanswered = write_once(database, again, free_space, notify);
        unanswered.into_iter().for_each(|batch| batch.look_up(database, notify));
    }
}

/// Makes the changes of a batch. Reopens the database after an I/O error, and returns the changes that have no
/// outcome yet.
fn write_once(
    database: &ReopeningDatabase,
    batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) -> Vec<UnansweredBatch> {
    let mut batch = Some(batch);
    let written = database.write(|database| {
        let batch = batch.take().unwrap_or_default();
        Ok(write_batch(database, batch, free_space, notify))
    });
    let unanswered = match written {
        Ok(unanswered) => unanswered,
        // The database had to be reopened, and could not be opened.
        Err(error) => {
            fail(batch.unwrap_or_default(), &Arc::new(error));
            return Vec::new();
        }
    };
    let Some(first) = unanswered.first() else { return unanswered };
    tracing::error!(
        fault = error_chain(&*first.error),
        "the store's disk failed; opening the store again"
    );
    if let Err(error) = database.reopen() {
        tracing::error!(
            error = error_chain(&error),
            "the store does not open; the next command tries again"
        );
    }
    unanswered
}

/// A batch whose transaction met an I/O error. redb fails every further call until the database is reopened.
pub(in crate::store) struct UnansweredBatch {
    jobs: Vec<Box<dyn Job>>,
    error: Arc<StoreError>,
    /// The number of the transaction, if its commit was tried.
    transaction: Option<u64>,
}

impl UnansweredBatch {
    /// Whether redb refused the transaction without a call to the disk.
    fn is_untried(&self) -> bool {
        self.transaction.is_none() && self.error.is_previous_io()
    }

    /// Looks up in the reopened database whether the transaction is durable, and sends the outcomes.
    fn look_up(self, database: &ReopeningDatabase, notify: &OnceLock<Notify>) {
        let Self { jobs, error, transaction: Some(number) } = self else { return self.give_up() };
        match database.write(tables::batches) {
            Ok(last) if last == number => answer(jobs, notify),
            Ok(_) => fail(jobs, &error),
            Err(_) => Self { jobs, error, transaction: Some(number) }.give_up(),
        }
    }

    /// Sends an error without a look into the database.
    pub(in crate::store) fn give_up(self) {
        match self.transaction {
            None => fail(self.jobs, &self.error),
            Some(_) => {
                self.jobs.into_iter().for_each(|job| job.unknown(Arc::clone(&self.error)));
            }
        }
    }
}

/// An error, and how far the transaction came.
enum TransactionError {
    BeforeCommit(StoreError),
    /// The commit of the transaction with this number failed.
    InCommit(u64, StoreError),
}

/// Makes the changes of a batch in one transaction, and sends their outcomes. Returns the changes whose outcome
/// is known only after the database is reopened.
pub(in crate::store) fn write_batch(
    database: &Database,
    mut batch: Vec<Box<dyn Job>>,
    free_space: FreeSpaceNow,
    notify: &OnceLock<Notify>,
) -> Vec<UnansweredBatch> {
    let (error, transaction) = match transact(database, &mut batch, free_space) {
        Ok(()) => {
            answer(batch, notify);
            return Vec::new();
        }
        // One change that meets a damaged record must not fail the others.
        Err(TransactionError::BeforeCommit(error))
            if batch.len() > 1 && !error.needs_reopening() =>
        {
            let each =
                batch.into_iter().map(|job| write_batch(database, vec![job], free_space, notify));
            return each.flatten().collect();
        }
        Err(TransactionError::BeforeCommit(error)) => (error, None),
        Err(TransactionError::InCommit(number, error)) => (error, Some(number)),
    };
    let unanswered = UnansweredBatch { jobs: batch, error: Arc::new(error), transaction };
    match unanswered.error.needs_reopening() {
        true => vec![unanswered],
        false => {
            unanswered.give_up();
            Vec::new()
        }
    }
}

fn transact(
    database: &Database,
    batch: &mut [Box<dyn Job>],
    free_space: FreeSpaceNow,
) -> Result<(), TransactionError> {
    // redb panics on some kinds of damage, which must not end the writer thread.
    let applied = catch_unwind(AssertUnwindSafe(|| {
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let number = tables::count_batch(&transaction)?;
        let mut tables = WriteTables::of(&transaction, free_space);
        for job in batch {
            job.apply(&mut tables).map_err(Stop::fault)?;
        }
        drop(tables);
        Ok((transaction, number))
    }));
    let (transaction, number) =
        applied.unwrap_or(Err(StoreError::Panicked)).map_err(TransactionError::BeforeCommit)?;
    let committed = catch_unwind(AssertUnwindSafe(|| transaction.commit()));
    match committed {
        Ok(result) => result.map_err(|error| TransactionError::InCommit(number, error.into())),
        Err(_) => Err(TransactionError::InCommit(number, StoreError::Panicked)),
    }
}
