//! The settings of a server: flags, then the environment, then a file, then defaults.

use std::net::{Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::Context;
use clap::Args;
use qchat_node::{Config, IdentityFiles, Limits};
#[cfg(feature = "cluster")]
use qchat_node::{FilesAddress, SharedDatabase};
use qchat_terminal::{Age, Count, Size, parse_settings, setting};
use serde::Deserialize;

use crate::logging::LogFormat;
#[cfg(feature = "cluster")]
use crate::shared_store::{NodeName, StoreUrl};

/// The port of server and client if none is named.
const PORT: u16 = 4433;

/// All settings. In the file the names are the same, with '_' for '-'.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default)]
pub(crate) struct Settings {
    /// The UDP address to listen on; a name is looked up [default: port 4433 of every address, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR:PORT", env = "QCHAT_LISTEN")]
    #[serde(deserialize_with = "setting")]
    listen: Option<Listen>,
    /// The certificate in PEM [default: cert/cert.pem, made if it is missing]
    #[arg(long, value_name = "FILE", env = "QCHAT_CERT")]
    #[serde(deserialize_with = "setting")]
    cert: Option<PathBuf>,
    /// Its private key in PEM [default: cert/key.pem]
    #[arg(long, value_name = "FILE", env = "QCHAT_KEY")]
    #[serde(deserialize_with = "setting")]
    key: Option<PathBuf>,
    /// The folder of accounts, messages and groups [default: data]
    #[arg(long, value_name = "DIR", env = "QCHAT_DATA")]
    #[serde(deserialize_with = "setting")]
    data: Option<PathBuf>,
    /// The PostgreSQL database of several servers, instead of a store in the data folder: postgres://USER@HOST/DATABASE;
    /// PGPASSWORD and the other PG variables complete it
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "URL", env = "QCHAT_STORE", hide_env_values = true)]
    #[serde(deserialize_with = "setting")]
    store: Option<StoreUrl>,
    /// The name of this server among those of the database [default: the machine's name]
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "NAME", env = "QCHAT_NODE")]
    #[serde(deserialize_with = "setting")]
    node: Option<NodeName>,
    /// The folder of uploaded files [default: upload]
    #[arg(long, value_name = "DIR", env = "QCHAT_UPLOAD")]
    #[serde(deserialize_with = "setting")]
    upload: Option<PathBuf>,
    /// The bucket of uploaded files, s3://BUCKET/PREFIX, instead of the folder; several servers may share it.
    /// Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, the server's address from AWS_ENDPOINT_URL
    #[cfg(feature = "cluster")]
    #[arg(long, value_name = "URL", env = "QCHAT_FILES", conflicts_with = "upload")]
    #[serde(deserialize_with = "setting")]
    files: Option<FilesAddress>,
    /// The largest file, such as 10G [default: no limit]
    #[arg(long, value_name = "SIZE", env = "QCHAT_MAX_FILE_SIZE")]
    #[serde(deserialize_with = "setting")]
    max_file_size: Option<Size>,
    /// The most that all files of one sender may take, such as 10G [default: no limit]
    #[arg(long, value_name = "SIZE", env = "QCHAT_QUOTA")]
    #[serde(deserialize_with = "setting")]
    quota: Option<Size>,
    /// How much of the disk is kept free of files, such as 10G [default: 32M]
    #[arg(long, value_name = "SIZE", env = "QCHAT_MIN_FREE")]
    #[serde(deserialize_with = "setting")]
    min_free: Option<Size>,
    /// How long files are kept, such as 90d or 12h; their messages stay [default: for ever]
    #[arg(long, value_name = "TIME", env = "QCHAT_KEEP_FILES")]
    #[serde(deserialize_with = "setting")]
    keep_files: Option<Age>,
    /// How long an unfinished upload waits for its sender to go on with it [default: 7d]
    #[arg(long, value_name = "TIME", env = "QCHAT_KEEP_UNFINISHED")]
    #[serde(deserialize_with = "setting")]
    keep_unfinished: Option<Age>,
    /// The shortest password for a new account, in characters [default: 1]
    #[arg(long, value_name = "N", env = "QCHAT_PASSWORD_MIN")]
    #[serde(deserialize_with = "setting")]
    password_min: Option<Count>,
    /// How many connections are taken [default: 4096]
    #[arg(long, value_name = "N", env = "QCHAT_MAX_CONNECTIONS")]
    #[serde(deserialize_with = "setting")]
    max_connections: Option<Count>,
    /// How many of them from one address, or one /64 of IPv6 [default: 2048]
    #[arg(long, value_name = "N", env = "QCHAT_MAX_CONNECTIONS_PER_ADDRESS")]
    #[serde(deserialize_with = "setting")]
    max_connections_per_address: Option<Count>,
    /// How many accounts may be made from one address, or one /64 of IPv6, in an hour [default: 100]
    #[arg(long, value_name = "N", env = "QCHAT_ACCOUNTS_PER_HOUR")]
    #[serde(deserialize_with = "setting")]
    accounts_per_hour: Option<Count>,
    /// How many commands a second a connection may ask for before it has to wait; an account twice as many
    /// [default: 1000]
    #[arg(long, value_name = "N", env = "QCHAT_COMMANDS_PER_SECOND")]
    #[serde(deserialize_with = "setting")]
    commands_per_second: Option<Count>,
    /// How the log on standard error looks [default: text]
    #[arg(long, value_name = "FORMAT", env = "QCHAT_LOG_FORMAT", value_enum)]
    #[serde(deserialize_with = "setting")]
    log_format: Option<LogFormat>,
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// Names the file and its fault.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let reading = || format!("cannot read the configuration {}", file.display());
        let text = std::fs::read_to_string(file).with_context(reading)?;
        parse(&text).map_err(|why| anyhow::anyhow!("{}{why}", reading()))
    }

    /// These settings, and those of `fallback` for each that is not set.
    pub(crate) fn or(self, fallback: Self) -> Self {
        Self {
            listen: self.listen.or(fallback.listen),
            cert: self.cert.or(fallback.cert),
            key: self.key.or(fallback.key),
            data: self.data.or(fallback.data),
            #[cfg(feature = "cluster")]
            store: self.store.or(fallback.store),
            #[cfg(feature = "cluster")]
            node: self.node.or(fallback.node),
            upload: self.upload.or(fallback.upload),
            #[cfg(feature = "cluster")]
            files: self.files.or(fallback.files),
            max_file_size: self.max_file_size.or(fallback.max_file_size),
            quota: self.quota.or(fallback.quota),
            min_free: self.min_free.or(fallback.min_free),
            keep_files: self.keep_files.or(fallback.keep_files),
            keep_unfinished: self.keep_unfinished.or(fallback.keep_unfinished),
            password_min: self.password_min.or(fallback.password_min),
            max_connections: self.max_connections.or(fallback.max_connections),
            max_connections_per_address: self
                .max_connections_per_address
                .or(fallback.max_connections_per_address),
            accounts_per_hour: self.accounts_per_hour.or(fallback.accounts_per_hour),
            commands_per_second: self.commands_per_second.or(fallback.commands_per_second),
            log_format: self.log_format.or(fallback.log_format),
        }
    }

    /// How the log looks.
    pub(crate) fn log_format(&self) -> LogFormat {
        self.log_format.unwrap_or_default()
    }

    fn limits(&self) -> Limits {
        let limits = Limits::default();
        let number = |count: Option<Count>, default| count.map_or(default, |Count(count)| count);
        let connections = |count: Option<Count>, default| {
            count.map_or(default, |Count(count)| usize::try_from(count.get()).unwrap_or(usize::MAX))
        };
        Limits {
            file_bytes_max: self.max_file_size.map_or(limits.file_bytes_max, |Size(bytes)| bytes),
            quota_bytes: self.quota.map(|Size(bytes)| bytes),
            free_bytes_min: self.min_free.map_or(limits.free_bytes_min, |Size(bytes)| bytes),
            keep_files: self.keep_files.map(|Age(age)| age),
            connections_max: connections(self.max_connections, limits.connections_max),
            connections_per_address_max: connections(
                self.max_connections_per_address,
                limits.connections_per_address_max,
            ),
            unfinished_age_max: self
                .keep_unfinished
                .map_or(limits.unfinished_age_max, |Age(age)| age),
            password_characters_min: self
                .password_min
                .map_or(limits.password_characters_min, |Count(count)| count.get()),
            accounts_per_hour: number(self.accounts_per_hour, limits.accounts_per_hour),
            commands_per_second: number(self.commands_per_second, limits.commands_per_second),
        }
    }

    /// The server's configuration, with defaults that serve a first run.
    pub(crate) fn config(self) -> Config {
        let limits = self.limits();
        #[cfg(feature = "cluster")]
        let node = self.node.unwrap_or_else(NodeName::of_machine);
        Config {
            listen: self
                .listen
                .map_or((Ipv6Addr::UNSPECIFIED, PORT).into(), |Listen(address)| address),
            data: self.data.unwrap_or("data".into()),
            upload: self.upload.unwrap_or("upload".into()),
            #[cfg(feature = "cluster")]
            files: self.files,
            limits,
            identity: identity(self.cert, self.key),
            #[cfg(feature = "cluster")]
            database: self
                .store
                .map(|StoreUrl(url)| SharedDatabase { url, node: node.to_string() }),
        }
    }
}

/// An address to listen on. A name is looked up, and its IPv4 address goes before its IPv6 address: clients
/// that are told an address rather than a name are mostly told that one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listen(SocketAddr);

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(address) = text.trim().parse() {
            return Ok(Self(address));
        }
        let named = text.trim().rsplit_once(':').filter(|(name, _)| !name.is_empty());
        let named = named.and_then(|(name, port)| Some((name, port.parse::<u16>().ok()?)));
        let Some(named) = named else {
            return Err(format!(
                "{text:?} is no address and port; write such as 0.0.0.0:4433, [::]:4433 or localhost:4433"
            ));
        };
        let found = named.to_socket_addrs().map_err(|error| error.to_string());
        let found =
            found.map_err(|why| format!("the name {:?} leads to no address: {why}", named.0))?;
        let found: Vec<_> = found.collect();
        let address = found.iter().find(|address| address.is_ipv4()).or(found.first());
        address
            .copied()
            .map(Self)
            .ok_or_else(|| format!("the name {:?} leads to no address", named.0))
    }
}

/// The settings that the text of a file holds.
fn parse(text: &str) -> Result<Settings, String> {
    let flags = Settings::augment_args(clap::Command::new("server"));
    let names: Vec<_> = flags.get_arguments().map(|flag| flag.get_id().as_str()).collect();
    parse_settings(text, &names)
}

/// Only a certificate at the default place is made: a file that was named must be there.
fn identity(certificate: Option<PathBuf>, key: Option<PathBuf>) -> IdentityFiles {
    let default = IdentityFiles::in_folder(Path::new("cert"));
    IdentityFiles {
        make_missing: certificate.is_none() && key.is_none(),
        certificate: certificate.unwrap_or(default.certificate),
        key: key.unwrap_or(default.key),
    }
}

/// Checks any text as a settings file, and as a length of time.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_text(text: &str) {
    if let Ok(settings) = parse(text) {
        let config = settings.or(Settings::default()).config();
        assert!(config.limits.keep_files.is_none_or(|age| !age.is_zero()));
    }
    assert!(text.parse::<Age>().map_or(true, |Age(age)| !age.is_zero()));
    let _ = text.parse::<Size>();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_comes_first_wins() {
        let flags = Settings { quota: Some(Size(1)), ..Settings::default() };
        let file = parse("quota = 2\npassword_min = 8").unwrap();
        let limits = flags.or(file).config().limits;
        assert_eq!((limits.quota_bytes, limits.password_characters_min), (Some(1), 8));
    }

    #[test]
    fn a_file_has_sizes_and_times_as_people_write_them() {
        let limits =
            parse("keep_files = '2d'\nquota = '10G'\nmin_free = 0").unwrap().config().limits;
        assert_eq!(limits.keep_files, Some(Duration::from_secs(172_800)));
        assert_eq!((limits.quota_bytes, limits.free_bytes_min), (Some(10 << 30), 0));
    }

    #[test]
    fn an_unknown_setting_is_named_with_its_nearest() {
        let error = parse("quotta = 2").unwrap_err();
        assert_eq!(error, ", line 1: there is no setting quotta; did you mean quota?");
        let error = parse("log_format = 'loud'").unwrap_err();
        assert_eq!(error, ", line 1: log_format: \"loud\" is neither text nor json");
    }

    #[test]
    fn an_address_may_be_a_name_and_has_a_port() {
        let listen = |text: &str| text.parse().map(|Listen(address)| address.to_string());
        assert_eq!(listen("[::]:1").as_deref(), Ok("[::]:1"));
        assert_eq!(listen("localhost:4477").as_deref(), Ok("127.0.0.1:4477"));
        for wrong in ["4433", "localhost", ":4433", "", "localhost:x", "localhost:70000"] {
            assert!(listen(wrong).is_err_and(|why| why.contains("0.0.0.0:4433")), "{wrong}");
        }
        assert!(listen("no.such.invalid:1").is_err_and(|why| why.contains("no.such.invalid")));
    }

    #[test]
    fn only_the_default_certificate_is_made() {
        assert!(identity(None, None).make_missing);
        assert!(!identity(Some("x.pem".into()), None).make_missing);
        assert!(!identity(None, Some("y.pem".into())).make_missing);
    }

    #[test]
    fn the_corpus_of_settings_is_understood_or_refused() {
        let inputs = crate::corpus::read(include_str!("../fuzz/corpus/program.txt"));
        inputs.iter().for_each(|input| check_text(&String::from_utf8_lossy(input)));
    }
}
