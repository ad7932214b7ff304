//! Writing the rows of a batch, and the commit, in one round trip.

use bytes::Bytes;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::connection::{Connection, within};
use super::error::{Effect, StatementError};
use super::fetch::number;
use crate::store::interface::Table;
use crate::store::overlay::RowWrites;

/// The reason why a transaction is not known to be durable.
#[derive(Debug)]
pub(super) enum CommitFailure {
    /// The transaction was rolled back.
    RolledBack(StatementError),
    /// The transaction may be durable.
    Unknown(StatementError),
}

/// Writes the rows and commits.
///
/// # Errors
/// [`CommitFailure`]. The connection is in no transaction then, or of no use.
pub(super) async fn commit(
    connection: &Connection,
    writes: &RowWrites,
) -> Result<(), CommitFailure> {
    let statements = connection.statements().map_err(CommitFailure::RolledBack)?;
    let client = &connection.client;
    let warnings = connection.warnings();
    // All of them leave at once. `COMMIT` answers OK after a failed statement too, so each result counts.
    let all = async {
        Ok::<_, StatementError>(tokio::join!(
            biased;
            put(client, &statements.insert, &writes.inserts),
            put(client, &statements.upsert, &writes.upserts),
            delete(client, &statements.delete, &writes.deletes),
            client.batch_execute("COMMIT"),
        ))
    };
    let (insert, upsert, delete, committed) = within(all).await.map_err(CommitFailure::Unknown)?;
    let failed = [insert, upsert, delete].into_iter().filter_map(Result::err);
    let failed = failed.map(StatementError::from).find(|error| {
        // A lost connection says nothing about the statements before.
        !matches!(error.effect(), Effect::Lost | Effect::Consequence)
    });
    if let Some(cause) = failed {
        return Err(CommitFailure::RolledBack(cause));
    }
    match committed.map_err(StatementError::from) {
        Ok(()) if connection.warnings() == warnings => Ok(()),
        Ok(()) => Err(CommitFailure::Unknown(StatementError::NotReplicated)),
        Err(error) if error.effect() == Effect::Lost => Err(CommitFailure::Unknown(error)),
        Err(error) => Err(CommitFailure::RolledBack(error)),
    }
}

/// The columns of rows, as arrays.
struct Columns<'rows> {
    tables: Vec<i16>,
    keys: Vec<&'rows [u8]>,
    values: Vec<&'rows [u8]>,
}

impl<'rows> Columns<'rows> {
    fn of(rows: &'rows [(Table, Bytes, Bytes)]) -> Self {
        Self {
            tables: rows.iter().map(|(table, ..)| number(*table)).collect(),
            keys: rows.iter().map(|(_, key, _)| key.as_ref()).collect(),
            values: rows.iter().map(|(.., value)| value.as_ref()).collect(),
        }
    }

    fn parameters(&self) -> [&(dyn ToSql + Sync); 3] {
        [&self.tables, &self.keys, &self.values]
    }
}

async fn put(
    client: &Client,
    statement: &Statement,
    rows: &[(Table, Bytes, Bytes)],
) -> Result<(), Error> {
    if !rows.is_empty() {
        client.execute(statement, &Columns::of(rows).parameters()).await?;
    }
    Ok(())
}

async fn delete(
    client: &Client,
    statement: &Statement,
    rows: &[(Table, Bytes)],
) -> Result<(), Error> {
    if !rows.is_empty() {
        let tables: Vec<i16> = rows.iter().map(|(table, _)| number(*table)).collect();
        let keys: Vec<&[u8]> = rows.iter().map(|(_, key)| key.as_ref()).collect();
        client.execute(statement, &[&tables, &keys]).await?;
    }
    Ok(())
}
