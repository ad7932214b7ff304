//! Access to the rows, as a change or a query sees them.

use bytes::Bytes;

use super::needs::Needs;
use super::range::Range;
use super::table::Table;
use super::writer_number::WriterNumber;
use crate::store::error::StoreError;
use crate::store::free_space::FreeSpaceNow;

/// The reason why a change or a query cannot run to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Rows are needed that the engine has not read yet. It has noted them; the caller returns, and runs again later.
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "redb has all rows"))]
    Missing,
    /// The engine failed, or a record is damaged.
    Fault(StoreError),
}

impl Stop {
    /// The error, for an engine that has read all rows and never says [`Missing`](Self::Missing).
    pub(in crate::store) fn fault(self) -> StoreError {
        match self {
            Self::Fault(error) => error,
            Self::Missing => StoreError::Panicked,
        }
    }
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Fault(error)
    }
}

/// A row: its key and its value.
pub(crate) type Row = (Bytes, Bytes);

/// Reads rows. A change also sees the rows that it has written itself.
pub(crate) trait Read {
    /// The value under a key.
    fn get(&mut self, table: Table, key: &[u8]) -> Result<Option<Bytes>, Stop>;

    /// The values under several keys, in the same order. An engine far away reads all of them at once.
    fn get_all(&mut self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Bytes>>, Stop> {
        keys.iter().map(|key| self.get(table, key)).collect()
    }

    /// The rows of a range, in its order, up to its limit.
    fn range(&mut self, range: &Range) -> Result<Vec<Row>, Stop>;

    /// Announces rows that will be read next. An engine far away reads all of them in one round trip, instead of one
    /// after the other.
    fn expect(&mut self, _needs: &dyn Fn() -> Needs) {}
}

/// Reads and writes rows, inside of one transaction.
pub(crate) trait Write: Read {
    /// Inserts a row, or replaces the one under this key.
    fn put(&mut self, table: Table, key: &[u8], value: Bytes) -> Result<(), Stop>;

    /// Removes a row, if it exists.
    fn remove(&mut self, table: Table, key: &[u8]) -> Result<(), Stop>;

    /// The number of the server that writes. Only this server makes message keys with it.
    fn writer(&self) -> WriterNumber;

    /// The free space for the data of this engine at the start of the transaction.
    fn free_space(&self) -> FreeSpaceNow;
}
