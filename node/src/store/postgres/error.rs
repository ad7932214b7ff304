//! The errors of PostgreSQL: those of a start, each with its remedy, and those of single statements.

use std::time::Duration;

use tokio_postgres::error::{Severity, SqlState};

/// The reason why a server cannot use a PostgreSQL database. Each text is one sentence with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The URL cannot be read.
    #[error(
        "the store's URL is wrong ({0}); write such as postgres://USER@HOST:5432/DATABASE, and give the password by PGPASSWORD"
    )]
    Url(String),
    /// A file with certificates cannot be read.
    #[error("cannot read the root certificates of the store's database: {0}")]
    Certificates(String),
    /// No host answers.
    #[error(
        "cannot reach the store's database at {hosts} ({reason}); is it running, and is the address right?"
    )]
    Unreachable {
        /// The hosts of the URL.
        hosts: String,
        /// The last error.
        reason: String,
    },
    /// The database did not let this server in.
    #[error(
        "the store's database at {hosts} refuses the sign-in ({reason}); check the user, the database's name and PGPASSWORD"
    )]
    SignIn {
        /// The hosts of the URL.
        hosts: String,
        /// The words of the database.
        reason: String,
    },
    /// All hosts accept only reading.
    #[error(
        "the store's database at {0} can only be read; name all its hosts, so that the primary is among them"
    )]
    ReadOnly(String),
    /// The role may not do what the store needs.
    #[error(
        "the store's database refuses what a qchat server needs ({0}); make its user the owner of the database"
    )]
    Rights(String),
    /// The database has tables of something else.
    #[error(
        "the store's database is not empty, and its table {0:?} is not of qchat; name an empty database"
    )]
    NotOurs(String),
    /// A later version of qchat wrote the database.
    #[error(
        "the store's database has format {found}, and this qchat reads format {known}: use a newer qchat"
    )]
    Newer {
        /// The format of the database.
        found: i64,
        /// The format that this program reads and writes.
        known: i64,
    },
    /// The database belongs to servers with another key.
    #[error(
        "the store's database belongs to servers with the fingerprint {found}, and this one has {own}; give this server their key and certificate, or another database"
    )]
    OtherKey {
        /// The fingerprint of the database.
        found: String,
        /// The fingerprint of this server.
        own: String,
    },
    /// A server with the same name is running.
    #[error(
        "another server named {node:?} uses the store's database ({addr}); give this one another --node"
    )]
    NameInUse {
        /// The name.
        node: String,
        /// The address of the other server.
        addr: String,
    },
    /// The database has not the form that this program made.
    #[error("the store's database is damaged ({0}); restore it from a backup")]
    Damaged(String),
    /// Any other error of the database.
    #[error("the store's database failed: {0}")]
    Failed(String),
}

/// The reason why the database did not do a statement.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StatementError {
    /// The database or the connection to it.
    #[error("using the database: {}", words(.0))]
    Database(tokio_postgres::Error),
    /// The host accepts only reading.
    #[error("the database can only be read")]
    ReadOnly,
    /// No answer came in time.
    #[error("the database did not answer in {} s", .0.as_secs())]
    Silent(Duration),
    /// A commit may not be replicated, although the database said that it is done.
    #[error("the database did not wait for its standby")]
    NotReplicated,
    /// No connection can be made for now.
    #[error("the database is away: {0}")]
    Away(String),
    /// Another process has taken over this server's name.
    #[error("another server uses the name {0:?}")]
    NameTaken(String),
    /// The rows of a lock or of a writer are missing.
    #[error("the database lacks rows that qchat made")]
    RowsMissing,
    /// A change wants ever more rows.
    #[error("a change reads too many times")]
    TooManyReads,
}

impl StatementError {
    /// Whether the disk of the database is full.
    pub(in crate::store) fn is_full_disk(&self) -> bool {
        matches!(self, Self::Database(error) if error.code() == Some(&SqlState::DISK_FULL))
    }

    /// Whether the same change or query can succeed once the database is back, or at another server.
    pub(in crate::store) fn is_passing(&self) -> bool {
        matches!(self, Self::NameTaken(_)) || self.effect() == Effect::Lost
    }

    /// The effect of the error on the transaction and the connection.
    pub(super) fn effect(&self) -> Effect {
        let Self::Database(error) = self else {
            return match self {
                Self::RowsMissing | Self::NameTaken(_) | Self::TooManyReads => Effect::Refused,
                _ => Effect::Lost,
            };
        };
        let Some(database) = error.as_db_error() else { return Effect::Lost };
        let is_fatal =
            matches!(database.parsed_severity(), Some(Severity::Fatal | Severity::Panic));
        let code = database.code();
        match code {
            _ if is_fatal || code.code().starts_with("08") => Effect::Lost,
            &SqlState::UNIQUE_VIOLATION => Effect::Duplicate,
            &SqlState::T_R_SERIALIZATION_FAILURE
            | &SqlState::T_R_DEADLOCK_DETECTED
            | &SqlState::LOCK_NOT_AVAILABLE => Effect::Conflict,
            &SqlState::IN_FAILED_SQL_TRANSACTION => Effect::Consequence,
            // The primary has become a standby, or stops.
            &SqlState::READ_ONLY_SQL_TRANSACTION
            | &SqlState::ADMIN_SHUTDOWN
            | &SqlState::CRASH_SHUTDOWN
            | &SqlState::CANNOT_CONNECT_NOW
            | &SqlState::QUERY_CANCELED => Effect::Lost,
            _ => Effect::Refused,
        }
    }
}

/// The effect of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// The connection is of no use any more, and the fate of a commit under way is not known.
    Lost,
    /// Another transaction was in the way. Nothing was changed, and another try may succeed.
    Conflict,
    /// A row exists that was inserted as a new one. Nothing was changed.
    Duplicate,
    /// A statement before this one failed, and is the cause.
    Consequence,
    /// Nothing was changed, and another try would fail in the same way.
    Refused,
}

impl From<tokio_postgres::Error> for StatementError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Database(error)
    }
}

/// The words of an error, without the statement and its values.
pub(super) fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(database) => format!("{} ({})", database.message(), database.code().code()),
        None => crate::error_chain::error_chain(error),
    }
}

#[cfg(test)]
mod tests;
