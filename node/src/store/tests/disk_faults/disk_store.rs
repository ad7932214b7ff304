//! A store on a simulated disk. The test decides which changes form a batch, so that a seed always causes the same
//! calls to the disk.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use redb::Database;

use super::disk::SimulatedDisk;
use crate::store::embedded::transaction::{UnansweredBatch, write_batch};
use crate::store::embedded::{ReopeningDatabase, Snapshot, open, tables};
use crate::store::free_space::FreeSpaceNow;
use crate::store::interface::{Range, Read, Stop, Table};
use crate::store::tests::model::{Answer, Step};
use crate::store::{OpenError, Store};

/// The bytes of all tables: the value of each table and key.
pub(in crate::store) type TableContents = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// An open store on a simulated disk.
pub(in crate::store::tests) struct DiskStore {
    database: Arc<Database>,
}

impl SimulatedDisk {
    /// A disk with an empty store, as after the creation of one.
    pub(in crate::store::tests) fn with_empty_store() -> Self {
        static CONTENT: OnceLock<Vec<u8>> = OnceLock::new();
        Self::holding(CONTENT.get_or_init(|| {
            let disk = Self::default();
            let database = open::builder().create_with_backend(disk.attach()).unwrap();
            tables::create(&database).unwrap();
            drop(database);
            disk.content()
        }))
    }
}

impl DiskStore {
    /// Opens the store on the disk. With a small cache, redb writes pages before the commit.
    pub(in crate::store::tests) fn start(
        disk: &SimulatedDisk,
        cache_bytes: usize,
    ) -> Result<Self, Box<dyn Error>> {
        Ok(Self { database: Arc::new(database_on(disk, cache_bytes)?) })
    }

    /// Makes these changes in one transaction.
    pub(in crate::store::tests) fn commit(&self, steps: &[Step]) -> Vec<Answer> {
        let (jobs, answers): (Vec<_>, Vec<_>) = steps.iter().map(Step::queued).unzip();
        let free_space = FreeSpaceNow::unlimited();
        let unanswered = write_batch(&self.database, jobs, free_space, &OnceLock::new());
        unanswered.into_iter().for_each(UnansweredBatch::give_up);
        answers.into_iter().map(|answer| answer()).collect()
    }

    /// The redb database.
    pub(in crate::store::tests) fn database(&self) -> &Database {
        &self.database
    }

    /// The contents of all tables.
    pub(in crate::store::tests) fn rows(&self) -> Result<TableContents, Box<dyn Error>> {
        rows_of(&self.database)
    }

    /// The store, as the handlers of the server use it.
    pub(in crate::store::tests) fn into_store(self) -> Store {
        let database = Arc::into_inner(self.database).unwrap();
        let again = || Err(OpenError::InUse(PathBuf::new()));
        Store::with(ReopeningDatabase::start(database, again, again))
    }
}

/// Opens the database on the disk.
pub(in crate::store::tests) fn database_on(
    disk: &SimulatedDisk,
    cache_bytes: usize,
) -> Result<Database, Box<dyn Error>> {
    // On an empty disk redb creates a database without a format, which the assertion finds.
    let mut builder = open::builder();
    let database = builder.set_cache_size(cache_bytes).create_with_backend(disk.attach())?;
    assert_eq!(tables::format(&database)?, tables::FORMAT);
    Ok(database)
}

/// The contents of all tables.
pub(in crate::store::tests) fn rows_of(
    database: &Database,
) -> Result<TableContents, Box<dyn Error>> {
    let mut snapshot = Snapshot::of(database)?;
    let mut rows = TableContents::new();
    for table in Table::ALL {
        for (key, value) in snapshot.range(&Range::all(*table)).map_err(Stop::fault)? {
            rows.insert((*table, key.to_vec()), value.to_vec());
        }
    }
    Ok(rows)
}

/// A description of the first row in which two stores differ.
pub(in crate::store) fn difference(
    found: &TableContents,
    expected: &TableContents,
) -> Option<String> {
    let keys = found.keys().chain(expected.keys());
    let differing = keys.filter(|key| found.get(*key) != expected.get(*key)).min()?;
    let (table, key) = differing;
    let key = String::from_utf8_lossy(key);
    let (found, expected) = (found.get(differing), expected.get(differing));
    Some(format!("{table:?} {key:?}: found {found:?}, expected {expected:?}"))
}
