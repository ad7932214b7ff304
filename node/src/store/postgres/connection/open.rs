//! A connection to the database, with its prepared statements and its warnings.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::Severity;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, SimpleQueryMessage, Socket};
use tokio_util::task::AbortOnDropHandle;

use super::address::{DatabaseAddress, Encryption};
use super::statements::{SESSION, Statements};
use crate::store::postgres::error::{PostgresError, StatementError, words};

/// The longest time for connecting to a host, its sign-in and the settings of the session. A frozen host accepts
/// a connection and says nothing more.
const CONNECT_MAX: Duration = Duration::from_secs(5);

/// The longest time for the answer to a statement. A commit waits that long for a standby.
pub(in crate::store::postgres) const ANSWER_MAX: Duration =
    Duration::from_secs(if cfg!(test) { 2 } else { 8 });

/// An open connection. Dropping it closes the socket; it never cancels a statement.
pub(in crate::store::postgres) struct Connection {
    pub(in crate::store::postgres) client: Client,
    /// `None` until the tables are known to exist.
    statements: Option<Statements>,
    warnings: Arc<AtomicU64>,
    _io: AbortOnDropHandle<()>,
}

impl Connection {
    /// Connects to the host that accepts writes. All hosts are tried at once, and the first one wins.
    ///
    /// # Errors
    /// The most telling error of the hosts.
    pub(in crate::store::postgres) async fn open(
        address: &DatabaseAddress,
    ) -> Result<Self, PostgresError> {
        let mut attempts = tokio::task::JoinSet::new();
        for host in &address.hosts {
            let (host, encryption) = (host.clone(), address.encryption.clone());
            attempts.spawn(async move {
                let silent = |_| Err(StatementError::Silent(CONNECT_MAX));
                timeout(CONNECT_MAX, Self::open_host(&host, encryption))
                    .await
                    .unwrap_or_else(silent)
            });
        }
        let mut errors = Vec::new();
        while let Some(attempt) = attempts.join_next().await {
            match attempt {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => errors.push(error),
                Err(_) => {}
            }
        }
        Err(most_telling(errors, address))
    }

    async fn open_host(host: &Config, encryption: Encryption) -> Result<Self, StatementError> {
        // A socket of this machine has no TLS, and no host name to check.
        let is_local = host.get_hosts().iter().any(|host| matches!(host, Host::Unix(_)));
        match encryption {
            _ if is_local => {
                let (client, connection) = host.connect(NoTls).await?;
                Self::start(client, connection).await
            }
            Encryption::Never(NoTls) => {
                let (client, connection) = host.connect(NoTls).await?;
                Self::start(client, connection).await
            }
            Encryption::Unchecked(tls) | Encryption::Checked(tls) => {
                let (client, connection) = host.connect(tls).await?;
                Self::start(client, connection).await
            }
        }
    }

    async fn start<T>(
        client: Client,
        connection: tokio_postgres::Connection<Socket, T>,
    ) -> Result<Self, StatementError>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let warnings = Arc::<AtomicU64>::default();
        let io = tokio::spawn(serve(connection, Arc::clone(&warnings)));
        let io = AbortOnDropHandle::new(io);
        let answers = client.simple_query(SESSION).await?;
        let is_read_only = answers.iter().any(|answer| match answer {
            // The setting that was raised is a row of its own, with another column.
            SimpleQueryMessage::Row(row) => {
                row.try_get("transaction_read_only").is_ok_and(|value| value == Some("on"))
            }
            _ => false,
        });
        match is_read_only {
            true => Err(StatementError::ReadOnly),
            false => Ok(Self { client, statements: None, warnings, _io: io }),
        }
    }

    /// Prepares the statements, which needs the tables.
    pub(in crate::store::postgres) async fn prepare(&mut self) -> Result<(), StatementError> {
        self.statements = Some(within(Statements::prepare(&self.client)).await?);
        Ok(())
    }

    /// The statements of the tables.
    ///
    /// # Errors
    /// They were not prepared.
    pub(in crate::store::postgres) fn statements(&self) -> Result<&Statements, StatementError> {
        self.statements.as_ref().ok_or(StatementError::RowsMissing)
    }

    /// The number of warnings so far. The database warns of a commit that is not replicated, and says that it is
    /// done.
    pub(in crate::store::postgres) fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Relaxed)
    }
}

/// Waits for the answers to statements.
///
/// # Errors
/// [`StatementError::Silent`] after [`ANSWER_MAX`]. The connection is of no use then.
pub(in crate::store::postgres) async fn within<T>(
    answers: impl Future<Output = Result<T, impl Into<StatementError>>>,
) -> Result<T, StatementError> {
    match timeout(ANSWER_MAX, answers).await {
        Ok(answer) => answer.map_err(Into::into),
        Err(_) => Err(StatementError::Silent(ANSWER_MAX)),
    }
}

/// Moves the bytes of a connection, and counts the warnings. A warning is counted before the answer behind it is
/// handed on.
async fn serve<T>(mut connection: tokio_postgres::Connection<Socket, T>, warnings: Arc<AtomicU64>)
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    // The end of a connection is told to each statement that waits.
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notice(notice) = message
            && notice.parsed_severity() == Some(Severity::Warning)
        {
            tracing::warn!(code = notice.code().code(), "the database warns: {}", notice.message());
            warnings.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The error to tell, of those of all hosts: that of a host which answered, before that of one which did not.
fn most_telling(errors: Vec<StatementError>, address: &DatabaseAddress) -> PostgresError {
    let hosts = address.text.clone();
    let mut unreachable = None;
    let mut is_read_only = false;
    for error in errors {
        match error {
            StatementError::ReadOnly => is_read_only = true,
            StatementError::Database(error) => {
                let code = error.code().map(tokio_postgres::error::SqlState::code);
                let reason = words(&error);
                match code {
                    // 28: the sign-in. 3D: no such database. 42501: no right to connect.
                    Some(code) if code.starts_with("28") || code == "3D000" || code == "42501" => {
                        return PostgresError::SignIn { hosts, reason };
                    }
                    _ => unreachable = Some(reason),
                }
            }
            error => unreachable = unreachable.or(Some(error.to_string())),
        }
    }
    match (unreachable, is_read_only) {
        (None, true) => PostgresError::ReadOnly(hosts),
        (Some(reason), _) => PostgresError::Unreachable { hosts, reason },
        (None, false) => PostgresError::Unreachable { hosts, reason: "no answer".to_owned() },
    }
}
