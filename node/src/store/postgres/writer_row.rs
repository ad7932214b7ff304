//! The row of a server in `writer`: it names the last batch of the server, and keeps a second process of the same name
//! from writing.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::connection::{Connection, within};
use super::database::refused;
use super::error::{Effect, PostgresError, StatementError};
use super::locks::fnv1a;
use crate::store::interface::WriterNumber;

/// The incarnations that one process may use, one for each of its connections. A process begins with a multiple.
const BLOCK: i64 = 1 << 20;

/// How long a start waits for the connection of an earlier process of the same name to end.
const PREDECESSOR_MAX: Duration = Duration::from_secs(6);
const PREDECESSOR_PAUSE: Duration = Duration::from_millis(200);

/// The name of a server and its address, as other servers and messages show it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    pub(crate) addr: String,
}

/// The right of this process to write as a server.
#[derive(Debug)]
pub(super) struct WriterRow {
    pub(super) node: Node,
    /// The number of the server in the keys of its messages. It stays with the name.
    pub(super) number: WriterNumber,
    /// The first incarnation of this process.
    first: i64,
    /// The last incarnation that was tried. Whether the database has taken it is not known after a lost answer.
    last: i64,
    /// The number of the last batch that was tried.
    batch: i64,
    /// Whether the open connection holds the name.
    holds_name: bool,
}

/// The state of the row when a connection was opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LastBatch(i64);

impl WriterRow {
    /// Takes the name of a server for this process.
    ///
    /// # Errors
    /// [`PostgresError::NameInUse`] if another process lives under this name.
    pub(super) async fn take(connection: &Connection, node: Node) -> Result<Self, PostgresError> {
        const TAKE: &str = "INSERT INTO writer (node, number, incarnation, batch, addr) \
            VALUES ($1, (SELECT coalesce(max(number), 0) + 1 FROM writer), $3, 0, $2) \
            ON CONFLICT (node) DO UPDATE SET incarnation = (writer.incarnation / $3 + 1) * $3, addr = $2 \
            RETURNING incarnation, batch, number";
        let deadline = Instant::now() + PREDECESSOR_MAX;
        while !hold_name(connection, &node.name).await.map_err(refused)? {
            if Instant::now() > deadline {
                return Err(in_use(connection, node).await);
            }
            sleep(PREDECESSOR_PAUSE).await;
        }
        let client = &connection.client;
        let row = loop {
            match within(client.query_one(TAKE, &[&node.name, &node.addr, &BLOCK])).await {
                // Another new server has taken the same number.
                Err(error) if error.effect() == Effect::Duplicate && Instant::now() < deadline => {}
                taken => break taken.map_err(refused)?,
            }
        };
        let read = |column| row.try_get(column).map_err(|error| refused(error.into()));
        let (incarnation, batch) = (read(0)?, read(1)?);
        let number: i32 = row.try_get(2).map_err(|error| refused(error.into()))?;
        let number = u16::try_from(number).ok().and_then(WriterNumber::of_server);
        let number = number.ok_or_else(|| {
            PostgresError::Failed(
                "it has the names of 16,383 servers, and holds no more".to_owned(),
            )
        })?;
        Ok(Self { node, number, first: incarnation, last: incarnation, batch, holds_name: true })
    }

    /// The incarnation of the open connection.
    pub(super) fn incarnation(&self) -> i64 {
        self.last
    }

    /// The number of the next batch, which no earlier try has used.
    pub(super) fn next_batch(&mut self) -> i64 {
        self.batch += 1;
        self.batch
    }

    /// Takes the row for a new connection of this process. This waits for a transaction of the old connection, and
    /// keeps the old connection from writing again.
    ///
    /// The commit of the new incarnation comes behind that of the old transaction, so once it is replicated, so is
    /// the old one.
    ///
    /// # Errors
    /// [`StatementError::NameTaken`] if another process has taken the name.
    pub(super) async fn take_again(
        &mut self,
        connection: &Connection,
    ) -> Result<LastBatch, StatementError> {
        const TAKE: &str = "UPDATE writer SET incarnation = $3, addr = $4 \
            WHERE node = $1 AND incarnation BETWEEN $2 AND $3 RETURNING batch";
        // The old connection may hold the name a while longer. The incarnation guards the writes.
        self.holds_name = hold_name(connection, &self.node.name).await?;
        self.last += 1;
        let warnings = connection.warnings();
        let Node { name, addr } = &self.node;
        let client = &connection.client;
        let row = within(client.query_opt(TAKE, &[name, &self.first, &self.last, addr])).await?;
        if connection.warnings() != warnings {
            return Err(StatementError::NotReplicated);
        }
        let row = row.ok_or_else(|| StatementError::NameTaken(name.clone()))?;
        Ok(LastBatch(row.try_get(0)?))
    }

    /// Checks that this process still has its name, and holds the name for its connection.
    pub(super) async fn check(&mut self, connection: &Connection) -> Result<(), StatementError> {
        self.holds_name = self.holds_name || hold_name(connection, &self.node.name).await?;
        const CHECK: &str = "SELECT 1 FROM writer WHERE node = $1 AND incarnation = $2";
        let client = &connection.client;
        match within(client.query_opt(CHECK, &[&self.node.name, &self.last])).await? {
            Some(_) => Ok(()),
            None => Err(StatementError::NameTaken(self.node.name.clone())),
        }
    }
}

impl LastBatch {
    /// Whether the database has this batch.
    pub(super) fn is(self, batch: i64) -> bool {
        self.0 == batch
    }
}

/// Holds a name as long as the connection is open. Returns whether no other connection holds it.
async fn hold_name(connection: &Connection, name: &str) -> Result<bool, StatementError> {
    let [a, b, c, d, e, f, g, h] = fnv1a(format!("qchat server {name}").as_bytes()).to_be_bytes();
    let key = i64::from_be_bytes([a, b, c, d, e, f, g, h]);
    const HOLD: &str = "SELECT pg_try_advisory_lock($1)";
    Ok(within(connection.client.query_one(HOLD, &[&key])).await?.try_get(0)?)
}

async fn in_use(connection: &Connection, node: Node) -> PostgresError {
    const ADDR: &str = "SELECT addr FROM writer WHERE node = $1";
    let row = within(connection.client.query_opt(ADDR, &[&node.name])).await;
    let addr = row.ok().flatten().and_then(|row| row.try_get(0).ok());
    PostgresError::NameInUse { node: node.name, addr: addr.unwrap_or_default() }
}
