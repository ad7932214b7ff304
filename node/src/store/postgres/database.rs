//! The tables of qchat in a database: made in an empty database, recognised in any other.

use std::time::Duration;

use qchat_proto::command::ServerKeys;
use tokio::time::sleep;
use tokio_postgres::error::SqlState;

use super::connection::{Connection, within};
use super::error::{PostgresError, StatementError, words};
use super::locks::LOCKS;

/// The format of the tables.
const FORMAT: i64 = 1;

/// How often the tables are looked at, while several servers make them at once.
const LOOKS_MAX: u32 = 20;
const LOOK_PAUSE: Duration = Duration::from_millis(100);

/// Keys sort by their bytes, as `bytea` does in every collation. Rows that change find space on their page.
const TABLES: &str = "\
CREATE TABLE meta (name text PRIMARY KEY, value text NOT NULL); \
CREATE TABLE kv (t smallint, k bytea, v bytea NOT NULL, PRIMARY KEY (t, k)) WITH (fillfactor = 80); \
CREATE TABLE writer (node text PRIMARY KEY, number int NOT NULL UNIQUE, incarnation bigint NOT NULL, batch bigint NOT NULL, \
addr text NOT NULL) WITH (fillfactor = 50); \
CREATE TABLE entity_lock (h int PRIMARY KEY); ";

/// The names of the fingerprints in `meta`.
const KEY: &str = "fingerprint";
const NEXT_KEY: &str = "next fingerprint";

/// The names of the tables.
const NAMES: [&str; 4] = ["entity_lock", "kv", "meta", "writer"];

/// The fingerprints of the key that all servers of a database share, and of the one that follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SharedKeys {
    pub(crate) current: String,
    pub(crate) next: Option<String>,
}

impl From<ServerKeys> for SharedKeys {
    fn from(keys: ServerKeys) -> Self {
        let next = keys.next.map(|next| next.to_string());
        Self { current: keys.current.to_string(), next }
    }
}

/// The state of a database.
#[derive(Debug, PartialEq, Eq)]
enum Contents {
    Empty,
    Qchat { format: String, keys: SharedKeys },
}

/// Makes the tables in an empty database, or checks those of another one.
///
/// # Errors
/// [`PostgresError`], and nothing is changed.
pub(super) async fn prepare(
    connection: &Connection,
    own: &SharedKeys,
) -> Result<(), PostgresError> {
    for _ in 0..LOOKS_MAX {
        match contents(connection).await? {
            Contents::Qchat { format, keys } => {
                check_format(&format)?;
                let keys = shared_keys(&keys, own)?;
                return note_keys(connection, &keys).await.map_err(refused);
            }
            Contents::Empty => match create(connection, own).await {
                Ok(()) => {}
                // Another server makes them.
                Err(error) if is_race(&error) => sleep(LOOK_PAUSE).await,
                Err(error) => return Err(refused(error)),
            },
        }
    }
    Err(PostgresError::Failed("its tables come and go".to_owned()))
}

async fn contents(connection: &Connection) -> Result<Contents, PostgresError> {
    const ALL: &str = "SELECT c.relname::text FROM pg_class c \
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
        ORDER BY 1";
    let client = &connection.client;
    let tables = within(client.query(ALL, &[])).await.map_err(refused)?;
    let tables: Vec<String> = tables.iter().filter_map(|row| row.try_get(0).ok()).collect();
    if tables.is_empty() {
        return Ok(Contents::Empty);
    }
    if let Some(table) = tables.iter().find(|table| !NAMES.contains(&table.as_str())) {
        return Err(PostgresError::NotOurs(table.clone()));
    }
    if tables.len() != NAMES.len() {
        return Err(PostgresError::Damaged("some of its tables are missing".to_owned()));
    }
    let rows = within(client.query("SELECT name, value FROM meta", &[])).await.map_err(refused)?;
    let value = |name: &str| {
        let row = rows.iter().find(|row| row.try_get::<_, &str>(0).is_ok_and(|key| key == name));
        row.and_then(|row| row.try_get::<_, String>(1).ok())
    };
    let missing = |name| PostgresError::Damaged(format!("its {name} is missing"));
    let current = value(KEY).ok_or_else(|| missing(KEY))?;
    let keys = SharedKeys { current, next: value(NEXT_KEY) };
    Ok(Contents::Qchat { format: value("format").ok_or_else(|| missing("format"))?, keys })
}

fn check_format(format: &str) -> Result<(), PostgresError> {
    match format.parse() {
        Ok(FORMAT) => Ok(()),
        Ok(found) => Err(PostgresError::Newer { found, known: FORMAT }),
        Err(_) => Err(PostgresError::Damaged(format!("its format is {format:?}"))),
    }
}

/// The keys of the database from now on. During a rotation one server after the other replaces its key with the next
/// one, which they have announced before.
///
/// # Errors
/// [`PostgresError::OtherKey`]
fn shared_keys(found: &SharedKeys, own: &SharedKeys) -> Result<SharedKeys, PostgresError> {
    if found.current == own.current {
        let next = own.next.clone().or_else(|| found.next.clone());
        return Ok(SharedKeys { current: own.current.clone(), next });
    }
    if found.next.as_ref() == Some(&own.current) {
        return Ok(own.clone());
    }
    if own.next.as_ref() == Some(&found.current) {
        return Ok(found.clone());
    }
    let (found, own) = (found.current.clone(), own.current.clone());
    Err(PostgresError::OtherKey { found, own })
}

async fn note_keys(connection: &Connection, keys: &SharedKeys) -> Result<(), StatementError> {
    const NOTE: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) \
        ON CONFLICT (name) DO UPDATE SET value = excluded.value WHERE meta.value <> excluded.value";
    let next = keys.next.as_ref().map(|next| (NEXT_KEY, next));
    for (name, key) in [(KEY, &keys.current)].into_iter().chain(next) {
        within(connection.client.execute(NOTE, &[&name, key])).await?;
    }
    Ok(())
}

async fn create(connection: &Connection, keys: &SharedKeys) -> Result<(), StatementError> {
    let client = &connection.client;
    // A statement of several parts is one transaction. The fingerprint has no quotation marks.
    let all = format!(
        "{TABLES} INSERT INTO entity_lock SELECT generate_series(0, {LOCKS} - 1); \
         INSERT INTO meta VALUES ('format', '{FORMAT}'), ('{KEY}', '{}')",
        keys.current
    );
    within(client.batch_execute(&all)).await
}

/// Whether another session has made the same table at the same time.
fn is_race(error: &StatementError) -> bool {
    let StatementError::Database(error) = error else { return false };
    let codes = [SqlState::DUPLICATE_TABLE, SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_OBJECT];
    error.code().is_some_and(|code| codes.contains(code))
}

/// The error of a start.
pub(super) fn refused(error: StatementError) -> PostgresError {
    match error {
        StatementError::Database(error)
            if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) =>
        {
            PostgresError::Rights(words(&error))
        }
        // No schema of the search path exists, or none may be used.
        StatementError::Database(error) if error.code() == Some(&SqlState::INVALID_SCHEMA_NAME) => {
            PostgresError::Rights(words(&error))
        }
        StatementError::Database(error) => PostgresError::Failed(words(&error)),
        error => PostgresError::Failed(error.to_string()),
    }
}
