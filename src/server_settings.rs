//! What a server is told: by flags, then the environment, then a file, then defaults.

use std::net::{Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use jiff::{Span, SpanRelativeTo};
use qchat_node::{Config, IdentityFiles, Limits};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::logs::LogFormat;

/// The port of server and client where none is named.
const PORT: u16 = 4433;

/// Everything that can be set. In the file the names are the same, with '_' for '-'.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    /// The UDP address to listen on [default: port 4433 of every address, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR:PORT", env = "QCHAT_LISTEN")]
    listen: Option<SocketAddr>,
    /// The certificate in PEM [default: cert/cert.pem, made where it is missing]
    #[arg(long, value_name = "FILE", env = "QCHAT_CERT")]
    cert: Option<PathBuf>,
    /// Its private key in PEM [default: cert/key.pem]
    #[arg(long, value_name = "FILE", env = "QCHAT_KEY")]
    key: Option<PathBuf>,
    /// The folder of accounts, messages and groups [default: data]
    #[arg(long, value_name = "DIR", env = "QCHAT_DATA")]
    data: Option<PathBuf>,
    /// The folder of uploaded files [default: upload]
    #[arg(long, value_name = "DIR", env = "QCHAT_UPLOAD")]
    upload: Option<PathBuf>,
    /// The largest file, in bytes [default: no limit]
    #[arg(long, value_name = "BYTES", env = "QCHAT_MAX_FILE_SIZE")]
    max_file_size: Option<u64>,
    /// What all files that one user sent may take, in bytes [default: no limit]
    #[arg(long, value_name = "BYTES", env = "QCHAT_QUOTA")]
    quota: Option<u64>,
    /// How much of the disk is kept free of files, in bytes [default: 33554432]
    #[arg(long, value_name = "BYTES", env = "QCHAT_MIN_FREE")]
    min_free: Option<u64>,
    /// How long files are kept, such as 90d or 12h; their messages stay [default: for ever]
    #[arg(long, value_name = "TIME", env = "QCHAT_KEEP_FILES", value_parser = age)]
    #[serde(deserialize_with = "age_setting")]
    keep_files: Option<Duration>,
    /// How long an unfinished upload waits for its sender to go on with it [default: 7d]
    #[arg(long, value_name = "TIME", env = "QCHAT_KEEP_UNFINISHED", value_parser = age)]
    #[serde(deserialize_with = "age_setting")]
    keep_unfinished: Option<Duration>,
    /// The shortest password for a new account, in characters [default: 1]
    #[arg(long, value_name = "N", env = "QCHAT_PASSWORD_MIN")]
    password_min: Option<u32>,
    /// How many connections are taken [default: 4096]
    #[arg(long, value_name = "N", env = "QCHAT_MAX_CONNECTIONS")]
    max_connections: Option<usize>,
    /// How many of them from one address, or one /64 of IPv6 [default: 2048]
    #[arg(long, value_name = "N", env = "QCHAT_MAX_CONNECTIONS_PER_ADDRESS")]
    max_connections_per_address: Option<usize>,
    /// How many accounts may be made from one address, or one /64 of IPv6, in an hour [default: 100]
    #[arg(long, value_name = "N", env = "QCHAT_ACCOUNTS_PER_HOUR")]
    accounts_per_hour: Option<NonZeroU32>,
    /// How many commands a second a connection may ask for before it has to wait; an account twice as many
    /// [default: 1000]
    #[arg(long, value_name = "N", env = "QCHAT_COMMANDS_PER_SECOND")]
    commands_per_second: Option<NonZeroU32>,
    /// How the log on standard error looks [default: text]
    #[arg(long, value_name = "FORMAT", env = "QCHAT_LOG_FORMAT", value_enum)]
    log_format: Option<LogFormat>,
}

impl Settings {
    /// Reads a settings file.
    ///
    /// # Errors
    /// Names the file and what is wrong in it.
    pub(crate) fn read(file: &Path) -> anyhow::Result<Self> {
        let reading = || format!("cannot read the configuration {}", file.display());
        let text = std::fs::read_to_string(file).with_context(reading)?;
        toml::from_str(&text).with_context(reading)
    }

    /// These settings, and those of `fallback` where they say nothing.
    pub(crate) fn or(self, fallback: Self) -> Self {
        Self {
            listen: self.listen.or(fallback.listen),
            cert: self.cert.or(fallback.cert),
            key: self.key.or(fallback.key),
            data: self.data.or(fallback.data),
            upload: self.upload.or(fallback.upload),
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

    /// The server's configuration, with defaults that serve a first run.
    pub(crate) fn config(self) -> Config {
        let limits = Limits::default();
        Config {
            listen: self.listen.unwrap_or((Ipv6Addr::UNSPECIFIED, PORT).into()),
            data: self.data.unwrap_or("data".into()),
            upload: self.upload.unwrap_or("upload".into()),
            limits: Limits {
                file_bytes_max: self.max_file_size.unwrap_or(limits.file_bytes_max),
                quota_bytes: self.quota,
                free_bytes_min: self.min_free.unwrap_or(limits.free_bytes_min),
                keep_files: self.keep_files,
                connections_max: self.max_connections.unwrap_or(limits.connections_max),
                connections_per_address_max: self
                    .max_connections_per_address
                    .unwrap_or(limits.connections_per_address_max),
                unfinished_age_max: self.keep_unfinished.unwrap_or(limits.unfinished_age_max),
                password_characters_min: self
                    .password_min
                    .unwrap_or(limits.password_characters_min),
                accounts_per_hour: self.accounts_per_hour.unwrap_or(limits.accounts_per_hour),
                commands_per_second: self.commands_per_second.unwrap_or(limits.commands_per_second),
            },
            identity: identity(self.cert, self.key),
        }
    }
}

/// A time such as `90d`, `12h` or `1w 2d`. Days have 24 hours.
fn age(text: &str) -> Result<Duration, String> {
    let span = text.parse::<Span>().map_err(|error| error.to_string())?;
    let whole = span.to_duration(SpanRelativeTo::days_are_24_hours());
    let whole = whole.ok().and_then(|whole| Duration::try_from(whole).ok());
    let whole = whole.filter(|whole| !whole.is_zero());
    whole.ok_or_else(|| {
        format!("{text} is no length of time; use weeks, days, hours, minutes, seconds")
    })
}

fn age_setting<'de, D: Deserializer<'de>>(setting: D) -> Result<Option<Duration>, D::Error> {
    age(&String::deserialize(setting)?).map(Some).map_err(D::Error::custom)
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

/// Takes any text for that of a settings file, and for a length of time.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_text(text: &str) {
    if let Ok(settings) = toml::from_str::<Settings>(text) {
        let config = settings.or(Settings::default()).config();
        assert!(config.limits.keep_files.is_none_or(|age| !age.is_zero()));
    }
    assert!(age(text).map_or(true, |age| !age.is_zero()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_first_wins() {
        let flags = Settings { quota: Some(1), ..Settings::default() };
        let file: Settings = toml::from_str("quota = 2\npassword_min = 8").unwrap();
        let limits = flags.or(file).config().limits;
        assert_eq!((limits.quota_bytes, limits.password_characters_min), (Some(1), 8));
    }

    #[test]
    fn files_are_kept_for_a_time_that_people_can_write() {
        for (text, seconds) in [("90d", 7_776_000), ("12h", 43_200), ("1w 1d", 691_200)] {
            assert_eq!(age(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for wrong in ["", "90", "0s", "-1d", "1 month", "soon"] {
            assert!(age(wrong).is_err(), "{wrong}");
        }
        let file: Settings = toml::from_str("keep_files = '2d'").unwrap();
        assert_eq!(file.config().limits.keep_files, Some(Duration::from_secs(172_800)));
    }

    #[test]
    fn an_unknown_setting_is_named() {
        let error = toml::from_str::<Settings>("quotta = 2").unwrap_err();
        assert!(error.to_string().contains("quotta"), "{error}");
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
