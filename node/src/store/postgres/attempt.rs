//! One attempt to make the changes of a batch: one transaction, of two round trips if the hints are right.

use super::batch::ChangeBatch;
use super::commit::{CommitFailure, commit};
use super::connection::{Connection, within};
use super::error::{Effect, StatementError};
use super::fetch::{FetchedRows, fetch};
use super::locks::LockSet;
use super::writer_row::WriterRow;
use crate::store::overlay::MissingRows;

/// The most round trips to read what the changes of a batch need, one after the other.
const READS_MAX: u32 = 64;

/// The reason why an attempt did not end with a commit.
#[derive(Debug)]
pub(super) enum AttemptFailure {
    /// Rows lie in entities that are not locked. The next attempt locks them too.
    NotLocked,
    /// A statement before the commit failed.
    BeforeCommit(StatementError),
    /// The database has rolled the transaction back.
    RolledBack(StatementError),
    /// The batch with this number may be durable.
    Unknown(i64, StatementError),
}

impl From<StatementError> for AttemptFailure {
    fn from(error: StatementError) -> Self {
        Self::BeforeCommit(error)
    }
}

/// The round trips of an attempt.
#[derive(Debug, Default)]
pub(super) struct RoundTrips(pub(super) u32);

/// Makes the changes of a batch in one transaction.
///
/// # Errors
/// [`AttemptFailure`]. Unless the connection is lost, it is in no transaction any more.
pub(super) async fn attempt(
    connection: &Connection,
    writer: &mut WriterRow,
    batch: &mut ChangeBatch,
    trips: &mut RoundTrips,
) -> Result<(), AttemptFailure> {
    let number = writer.next_batch();
    let made = write(connection, (writer, number), batch, trips).await;
    match &made {
        Err(AttemptFailure::NotLocked) => roll_back(connection, trips).await?,
        Err(AttemptFailure::BeforeCommit(error)) if error.effect() != Effect::Lost => {
            roll_back(connection, trips).await?;
        }
        _ => {}
    }
    made
}

async fn roll_back(connection: &Connection, trips: &mut RoundTrips) -> Result<(), StatementError> {
    trips.0 += 1;
    within(connection.client.batch_execute("ROLLBACK")).await
}

async fn write(
    connection: &Connection,
    (writer, number): (&WriterRow, i64),
    batch: &mut ChangeBatch,
    trips: &mut RoundTrips,
) -> Result<(), AttemptFailure> {
    batch.expect_writer(writer.number);
    let locked = batch.locks.clone();
    let mut overlay = batch.overlay(writer.number);
    trips.0 += 1;
    begin(connection, (writer, number), &locked, batch.first_needs()).await?.enter(&mut overlay);
    for _ in 0..READS_MAX {
        let missing = batch.run(&mut overlay);
        if missing.is_empty() {
            let mut written = LockSet::default();
            overlay.written().for_each(|(table, key)| written.add_row(table, key));
            if !locked.has_all(&written) {
                batch.locks.add_locks(&written);
                return Err(AttemptFailure::NotLocked);
            }
            if !batch.has_run() {
                // A change that wants rows, and does not say which.
                break;
            }
            trips.0 += 1;
            let writes = overlay.writes(batch.blind_writes());
            return commit(connection, &writes).await.map_err(|failure| match failure {
                CommitFailure::RolledBack(error) => AttemptFailure::RolledBack(error),
                CommitFailure::Unknown(error) => AttemptFailure::Unknown(number, error),
            });
        }
        batch.note(&missing);
        if !locked.has_all(&batch.locks) {
            return Err(AttemptFailure::NotLocked);
        }
        trips.0 += 1;
        within(fetch(connection, &missing)).await?.enter(&mut overlay);
    }
    Err(StatementError::TooManyReads.into())
}

/// Begins the transaction, takes the locks, and reads. A later statement has a newer snapshot, so the rows are those
/// behind the locks.
async fn begin(
    connection: &Connection,
    (writer, number): (&WriterRow, i64),
    locks: &LockSet,
    needs: &MissingRows,
) -> Result<FetchedRows, StatementError> {
    let statements = connection.statements()?;
    let client = &connection.client;
    let locks = locks.sorted();
    let incarnation = writer.incarnation();
    let name = &writer.node.name;
    let all = async {
        tokio::try_join!(
            biased;
            async { Ok::<_, StatementError>(client.batch_execute("BEGIN").await?) },
            async {
                let parameters: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                    [name, &incarnation, &number];
                Ok(client.execute(&statements.take_batch, &parameters).await?)
            },
            async { Ok(client.query_one(&statements.lock, &[&locks]).await?) },
            fetch(connection, needs),
        )
    };
    let ((), taken, locked, fetched) = within(all).await?;
    if taken != 1 {
        return Err(StatementError::NameTaken(name.clone()));
    }
    let locked: i64 = locked.try_get(0)?;
    match usize::try_from(locked) == Ok(locks.len()) {
        true => Ok(fetched),
        false => Err(StatementError::RowsMissing),
    }
}
