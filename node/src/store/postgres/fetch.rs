//! Reading the rows that an overlay lacks, in one round trip.

use bytes::Bytes;
use tokio_postgres::Row as DatabaseRow;

use super::connection::Connection;
use super::error::StatementError;
use crate::store::interface::{Range, Row, Table};
use crate::store::overlay::{MissingRows, RowOverlay};

/// The rows that were missing, as the database has them.
#[derive(Debug, Default)]
pub(super) struct FetchedRows {
    rows: Vec<(Table, Bytes, Option<Bytes>)>,
    ranges: Vec<(Range, Vec<Row>)>,
}

impl FetchedRows {
    /// Enters the rows into an overlay.
    pub(super) fn enter(self, overlay: &mut RowOverlay) {
        for (table, key, value) in self.rows {
            overlay.learn(table, key, value);
        }
        for (range, rows) in self.ranges {
            overlay.learn_range(&range, rows);
        }
    }
}

/// Reads all missing rows. The statements leave at once, without waiting for each other.
///
/// # Errors
/// The first one, and the transaction cannot go on.
pub(super) async fn fetch(
    connection: &Connection,
    missing: &MissingRows,
) -> Result<FetchedRows, StatementError> {
    let (rows, ranges) = tokio::try_join!(
        biased;
        fetch_rows(connection, missing),
        fetch_ranges(connection, missing),
    )?;
    Ok(FetchedRows { rows, ranges })
}

async fn fetch_rows(
    connection: &Connection,
    missing: &MissingRows,
) -> Result<Vec<(Table, Bytes, Option<Bytes>)>, StatementError> {
    if missing.rows.is_empty() {
        return Ok(Vec::new());
    }
    let (tables, keys): (Vec<i16>, Vec<&[u8]>) =
        missing.rows.iter().map(|(table, key)| (number(*table), key.as_ref())).unzip();
    let found = connection.client.query(&connection.statements()?.rows, &[&tables, &keys]).await?;
    let absent = missing.rows.iter().map(|(table, key)| (*table, key.clone(), None));
    let mut rows: Vec<_> = absent.collect();
    for row in found {
        if let Some((_, _, value)) = position(&row)?.and_then(|position| rows.get_mut(position)) {
            *value = Some(bytes(&row, 1)?);
        }
    }
    Ok(rows)
}

async fn fetch_ranges(
    connection: &Connection,
    missing: &MissingRows,
) -> Result<Vec<(Range, Vec<Row>)>, StatementError> {
    let ranges = &missing.ranges;
    if ranges.is_empty() {
        return Ok(Vec::new());
    }
    let tables: Vec<i16> = ranges.iter().map(|range| number(range.table)).collect();
    let first: Vec<&[u8]> = ranges.iter().map(|range| range.first.as_slice()).collect();
    let ends: Vec<&[u8]> = ranges.iter().map(|range| range.end.as_slice()).collect();
    let most: Vec<Option<i64>> = ranges.iter().map(|range| range.limit.map(i64::from)).collect();
    let found = connection
        .client
        .query(&connection.statements()?.ranges, &[&tables, &first, &ends, &most])
        .await?;
    let mut fetched: Vec<(Range, Vec<Row>)> =
        ranges.iter().map(|range| (range.clone(), Vec::new())).collect();
    for row in found {
        let entry = (bytes(&row, 1)?, bytes(&row, 2)?);
        if let Some((_, rows)) = position(&row)?.and_then(|position| fetched.get_mut(position)) {
            rows.push(entry);
        }
    }
    Ok(fetched)
}

/// The position of a row's question among the questions of its statement.
fn position(row: &DatabaseRow) -> Result<Option<usize>, StatementError> {
    let number: i64 = row.try_get(0)?;
    Ok(usize::try_from(number).ok().and_then(|number| number.checked_sub(1)))
}

fn bytes(row: &DatabaseRow, column: usize) -> Result<Bytes, StatementError> {
    Ok(Bytes::copy_from_slice(row.try_get(column)?))
}

/// The number of a table in the column `t`.
pub(super) fn number(table: Table) -> i16 {
    i16::from(table.number())
}
