//! The start of the engine: the connection is made, the tables are made or checked, the name is taken, and then the
//! driver runs.

use std::sync::{Arc, OnceLock};

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::attempt::RoundTrips;
use super::connection::{Connection, DatabaseAddress};
use super::database::{self, SharedKeys};
use super::driver::Driver;
use super::error::PostgresError;
use super::pool::{Generation, Pool};
use super::writer_row::{Node, WriterRow};
use crate::store::job::{Job, Notify};

/// The database of a server, and the server's place in it.
pub(crate) struct Membership {
    pub(crate) address: DatabaseAddress,
    pub(crate) node: Node,
    pub(crate) keys: SharedKeys,
}

/// A driver that has everything it needs to run.
pub(in crate::store) struct ReadyDriver(Driver);

impl Membership {
    /// Joins the servers of a database.
    ///
    /// # Errors
    /// [`PostgresError`], one sentence with the remedy.
    pub(in crate::store) async fn join(
        self,
        notify: Arc<OnceLock<Notify>>,
    ) -> Result<(ReadyDriver, Pool), PostgresError> {
        let Self { address, node, keys } = self;
        let mut connection = Connection::open(&address).await?;
        database::prepare(&connection, &keys).await?;
        connection.prepare().await.map_err(database::refused)?;
        let writer = WriterRow::take(&connection, node).await?;
        let generation = Generation::default();
        let pool = Pool::new(address.clone(), generation.clone());
        let driver = Driver {
            address,
            writer,
            connection: Some(connection),
            notify,
            trips: RoundTrips::default(),
            generation,
        };
        Ok((ReadyDriver(driver), pool))
    }
}

impl ReadyDriver {
    /// The driver, for batches that a test makes by hand.
    #[cfg(test)]
    pub(super) fn into_driver(self) -> Driver {
        self.0
    }

    /// Makes the queued changes until the queue is closed and empty. Cancels `name_taken` if another process takes
    /// the name of this server, after which it can make no change.
    pub(in crate::store) async fn run(
        self,
        mut jobs: mpsc::Receiver<Box<dyn Job>>,
        name_taken: &CancellationToken,
    ) {
        if self.0.run(&mut jobs).await.is_err() {
            name_taken.cancel();
        }
    }
}
