//! The address of a database: a URL, completed by the usual `PG…` variables.

use std::time::Duration;

use rustls_tokio_postgres::{MakeRustlsConnect, config_from_ca_cert, config_no_verify};
use tokio_postgres::config::{Host, LoadBalanceHosts, SslMode};
use tokio_postgres::{Config, NoTls};

use crate::store::postgres::error::PostgresError;

/// The silence after which the operating system gives a connection up. It covers hosts that vanish; the limits on
/// single statements are shorter.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The name by which the database lists the connections of qchat.
const APPLICATION: &str = "qchat";

/// The hosts of a database, and the way to sign in.
#[derive(Clone)]
pub(crate) struct DatabaseAddress {
    /// One for each host.
    pub(in crate::store::postgres) hosts: Vec<Config>,
    pub(in crate::store::postgres) encryption: Encryption,
    /// The hosts, for messages.
    pub(in crate::store::postgres) text: String,
}

/// The TLS of a connection, as the `sslmode` of PostgreSQL's own clients has it.
#[derive(Clone)]
pub(in crate::store::postgres) enum Encryption {
    Never(NoTls),
    /// `prefer` and `require`, which do not check the certificate.
    Unchecked(MakeRustlsConnect),
    /// `verify-full`: the certificate belongs to the host, and one of the roots in a file has signed it.
    Checked(MakeRustlsConnect),
}

impl DatabaseAddress {
    /// Reads a URL. `variable` looks up a variable of the environment.
    ///
    /// # Errors
    /// [`PostgresError::Url`], [`PostgresError::Certificates`].
    pub(crate) fn read(
        url: &str,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, PostgresError> {
        let wrong = |reason: &str| PostgresError::Url(reason.to_owned());
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong("it does not begin with postgres://"));
        }
        let (url, mode, roots) = without_tls_options(url);
        let mode = mode.or_else(|| variable("PGSSLMODE")).unwrap_or("prefer".to_owned());
        let roots = roots.or_else(|| variable("PGSSLROOTCERT"));
        let mut read: Config = url.parse().map_err(|error: tokio_postgres::Error| {
            PostgresError::Url(crate::error_chain::error_chain(&error))
        })?;
        complete(&mut read, variable)?;
        let (encryption, ssl_mode) = encryption(&mode, roots.as_deref())?;
        read.ssl_mode(ssl_mode);
        let hosts = each_host(&read)?;
        let text = hosts.iter().map(host_text).collect::<Vec<_>>().join(", ");
        Ok(Self { hosts, encryption, text })
    }
}

/// Takes `sslmode` and `sslrootcert` out of a URL: tokio-postgres knows no mode that checks a certificate.
fn without_tls_options(url: &str) -> (String, Option<String>, Option<String>) {
    let Some((start, query)) = url.split_once('?') else { return (url.to_owned(), None, None) };
    let (mut mode, mut roots, mut rest) = (None, None, Vec::new());
    for option in query.split('&') {
        match option.split_once('=') {
            Some(("sslmode", value)) => mode = Some(value.to_owned()),
            Some(("sslrootcert", value)) => roots = Some(value.replace("%2F", "/")),
            _ => rest.push(option),
        }
    }
    let separator = if rest.is_empty() { "" } else { "?" };
    (format!("{start}{separator}{}", rest.join("&")), mode, roots)
}

/// Adds what the URL leaves out.
fn complete(
    config: &mut Config,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(), PostgresError> {
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        let hosts = variable("PGHOST").unwrap_or("localhost".to_owned());
        hosts.split(',').for_each(|host| _ = config.host(host));
    }
    if config.get_ports().is_empty()
        && let Some(ports) = variable("PGPORT")
    {
        for port in ports.split(',') {
            let wrong = |_| PostgresError::Url(format!("the port {port:?} of PGPORT is no number"));
            config.port(port.trim().parse().map_err(wrong)?);
        }
    }
    if config.get_user().is_none()
        && let Some(user) = variable("PGUSER")
    {
        config.user(user);
    }
    if config.get_password().is_none()
        && let Some(password) = variable("PGPASSWORD")
    {
        config.password(password);
    }
    if config.get_dbname().is_none()
        && let Some(database) = variable("PGDATABASE")
    {
        config.dbname(database);
    }
    Ok(())
}

fn encryption(mode: &str, roots: Option<&str>) -> Result<(Encryption, SslMode), PostgresError> {
    let checked = |roots| {
        let config = config_from_ca_cert(roots)
            .map_err(|error| PostgresError::Certificates(format!("{roots}: {error}")))?;
        Ok((Encryption::Checked(MakeRustlsConnect::new(config)), SslMode::Require))
    };
    let unchecked = || Encryption::Unchecked(MakeRustlsConnect::new(config_no_verify()));
    match (mode, roots) {
        ("disable", _) => Ok((Encryption::Never(NoTls), SslMode::Disable)),
        ("prefer", _) => Ok((unchecked(), SslMode::Prefer)),
        ("require", None) => Ok((unchecked(), SslMode::Require)),
        // PostgreSQL's own clients check the certificate with `require` too, if there are roots.
        ("verify-full" | "require", Some(roots)) => checked(roots),
        ("verify-full", None) => {
            Err(PostgresError::Url("sslmode=verify-full needs sslrootcert=FILE".to_owned()))
        }
        _ => Err(PostgresError::Url(format!(
            "sslmode is {mode:?}, and may be disable, prefer, require or verify-full"
        ))),
    }
}

/// A configuration for each host, which has its own time limits.
fn each_host(all: &Config) -> Result<Vec<Config>, PostgresError> {
    let (ports, hosts) = (all.get_ports(), all.get_hosts());
    if ports.len() > 1 && ports.len() != hosts.len() {
        return Err(PostgresError::Url("it has not as many ports as hosts".to_owned()));
    }
    let each = hosts.iter().enumerate().map(|(index, host)| {
        let mut config = Config::new();
        match host {
            Host::Tcp(name) => config.host(name).ssl_mode(all.get_ssl_mode()),
            #[cfg(unix)]
            Host::Unix(folder) => config.host_path(folder).ssl_mode(SslMode::Disable),
        };
        ports.get(index).or(ports.first()).map(|port| config.port(*port));
        all.get_user().map(|user| config.user(user));
        all.get_password().map(|password| config.password(password));
        all.get_dbname().map(|database| config.dbname(database));
        all.get_options().map(|options| config.options(options));
        config
            .application_name(APPLICATION)
            .load_balance_hosts(LoadBalanceHosts::Disable)
            .tcp_user_timeout(SILENCE_MAX)
            .keepalives_idle(SILENCE_MAX / 3)
            .keepalives_interval(SILENCE_MAX / 3)
            .keepalives_retries(2);
        config
    });
    Ok(each.collect())
}

fn host_text(config: &Config) -> String {
    let host = config.get_hosts().first().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(folder) => folder.display().to_string(),
    });
    let port = config.get_ports().first().copied().unwrap_or(5432);
    format!("{}:{port}", host.unwrap_or_default())
}

#[cfg(test)]
mod tests;
