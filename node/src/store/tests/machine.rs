//! A store on a disk that can have accidents. Its batches are what a test says, not what happened to
//! arrive together: so that a seed gives the same calls to the disk again.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use redb::{Database, ReadableDatabase, TableHandle};

use super::disk::Disk;
use super::model::{Answer, Step};
use crate::store::database::ReopeningDatabase;
use crate::store::free_space::FreeSpaceNow;
use crate::store::writer::Unsettled;
use crate::store::{OpenError, Store, open, tables, writer};

/// What a store holds, byte for byte: table and key, and the value there.
pub(super) type Rows = BTreeMap<(String, Vec<u8>), Vec<u8>>;

/// A store that is open.
pub(super) struct Machine {
    database: Arc<Database>,
}

impl Disk {
    /// A disk with an empty store, durable, as making one leaves it.
    pub(super) fn with_empty_store() -> Self {
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

impl Machine {
    /// Opens the store that is on the disk. A small cache writes earlier than it must.
    pub(super) fn start(disk: &Disk, cache_bytes: usize) -> Result<Self, Box<dyn Error>> {
        Ok(Self { database: Arc::new(database_on(disk, cache_bytes)?) })
    }

    /// Makes these changes in one transaction.
    pub(super) fn commit(&self, steps: &[Step]) -> Vec<Answer> {
        let (jobs, answers): (Vec<_>, Vec<_>) = steps.iter().map(Step::queued).unzip();
        let room = FreeSpaceNow::boundless();
        let unsettled = writer::write_batch(&self.database, jobs, room, &OnceLock::new());
        unsettled.into_iter().for_each(Unsettled::give_up);
        answers.into_iter().map(|answer| answer()).collect()
    }

    /// The engine's side of it.
    pub(super) fn database(&self) -> &Database {
        &self.database
    }

    /// Everything that is in the tables.
    pub(super) fn rows(&self) -> Result<Rows, Box<dyn Error>> {
        rows_of(&self.database)
    }

    /// The store as the server's handlers have it.
    pub(super) fn into_store(self) -> Store {
        let database = Arc::into_inner(self.database).unwrap();
        let again = || Err(OpenError::InUse(PathBuf::new()));
        Store::with(ReopeningDatabase::start(database, again, again))
    }
}

/// The database that is on the disk.
pub(super) fn database_on(disk: &Disk, cache_bytes: usize) -> Result<Database, Box<dyn Error>> {
    // `create` makes a store on an empty disk, which has no format then.
    let mut builder = open::builder();
    let database = builder.set_cache_size(cache_bytes).create_with_backend(disk.attach())?;
    assert_eq!(tables::format(&database)?, tables::FORMAT);
    Ok(database)
}

/// Everything that is in the tables.
pub(super) fn rows_of(database: &Database) -> Result<Rows, Box<dyn Error>> {
    let snapshot = database.begin_read()?;
    let mut rows = Rows::new();
    for definition in tables::ALL {
        for row in snapshot.open_table(*definition)?.range::<&[u8]>(..)? {
            let (key, value) = row?;
            let key = (definition.name().to_owned(), key.value().to_vec());
            rows.insert(key, value.value().to_vec());
        }
    }
    Ok(rows)
}

/// The first row in which two stores differ, for a person to read.
pub(super) fn difference(found: &Rows, expected: &Rows) -> Option<String> {
    let keys = found.keys().chain(expected.keys());
    let differing = keys.filter(|key| found.get(*key) != expected.get(*key)).min()?;
    let (table, key) = differing;
    let key = String::from_utf8_lossy(key);
    let (found, expected) = (found.get(differing), expected.get(differing));
    Some(format!("{table} {key:?}: found {found:?}, expected {expected:?}"))
}
