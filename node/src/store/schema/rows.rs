//! Reading and writing records, on any engine.

use std::collections::VecDeque;

use bytes::Bytes;
use qchat_proto::limits::PAGE_ITEMS_MAX;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::records;
use crate::store::interface::{Range, Read, Row, Stop, Table, Write};

/// The most rows that [`Rows`] reads at once.
const STEP_MAX: u32 = 256;

/// The record under `key`, if there is one. `what` names the record in the error about a damaged one.
pub(in crate::store) fn find<V: DeserializeOwned>(
    tables: &mut (impl Read + ?Sized),
    table: Table,
    key: &[u8],
    what: &'static str,
) -> Result<Option<V>, Stop> {
    let found = tables.get(table, key)?;
    Ok(found.map(|bytes| records::decode(&bytes, what)).transpose()?)
}

/// The records under several keys, in the same order.
pub(in crate::store) fn find_all<V: DeserializeOwned>(
    tables: &mut dyn Read,
    table: Table,
    keys: &[Vec<u8>],
    what: &'static str,
) -> Result<Vec<Option<V>>, Stop> {
    let found = tables.get_all(table, keys)?.into_iter();
    let decoded = found.map(|bytes| bytes.map(|bytes| records::decode(&bytes, what)).transpose());
    Ok(decoded.collect::<Result<_, _>>()?)
}

/// Inserts a record, or replaces the one under this key.
pub(in crate::store) fn put(
    tables: &mut dyn Write,
    table: Table,
    key: &[u8],
    record: &impl Serialize,
) -> Result<(), Stop> {
    tables.put(table, key, Bytes::from(records::encode(record)))
}

/// A page of the rows of a range, and whether more follow.
pub(in crate::store) fn page(
    tables: &mut dyn Read,
    range: Range,
) -> Result<(Vec<Row>, bool), Stop> {
    let page = u32::try_from(PAGE_ITEMS_MAX).unwrap_or(u32::MAX);
    // One row more tells whether more follow.
    let mut found = tables.range(&range.limited(page.saturating_add(1)))?;
    let more = found.len() > PAGE_ITEMS_MAX;
    found.truncate(PAGE_ITEMS_MAX);
    Ok((found, more))
}

/// The part of a key after the prefix of its range.
pub(in crate::store) fn rest<'key>(key: &'key [u8], prefix: &[u8]) -> &'key [u8] {
    key.get(prefix.len()..).unwrap_or_default()
}

/// The rows of a range, read in steps: the caller may stop before the end of a long range.
pub(in crate::store) struct Rows {
    rest: Range,
    read: VecDeque<Row>,
    /// The rows to read next.
    step: u32,
    is_at_end: bool,
}

impl Rows {
    /// The rows of a range. The first step reads `likely` rows, and each later one twice as many.
    pub(in crate::store) fn of(range: Range, likely: usize) -> Self {
        let step = u32::try_from(likely).unwrap_or(STEP_MAX).clamp(1, STEP_MAX);
        Self { rest: range, read: VecDeque::new(), step, is_at_end: false }
    }

    /// The next row.
    pub(in crate::store) fn next(&mut self, tables: &mut dyn Read) -> Result<Option<Row>, Stop> {
        if self.read.is_empty() && !self.is_at_end {
            self.read_step(tables)?;
        }
        Ok(self.read.pop_front())
    }

    fn read_step(&mut self, tables: &mut dyn Read) -> Result<(), Stop> {
        let step = self.rest.clone().limited(self.step);
        self.read = tables.range(&step)?.into();
        self.is_at_end = u32::try_from(self.read.len()).is_ok_and(|read| read < self.step);
        if let Some((last, _)) = self.read.back() {
            self.rest = self.rest.clone().behind(last);
        }
        self.step = self.step.saturating_mul(2).min(STEP_MAX);
        Ok(())
    }
}
