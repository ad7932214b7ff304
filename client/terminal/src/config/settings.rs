//! The settings of a run: each from its flag, else the environment, else the settings file, else its default.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use qchat_client::{Fingerprint, PinFile, ServerAddresses, Trust, Unknown, UserName};
use qchat_proto::Password;
use serde::Deserialize;

use crate::command::names;
use crate::config::args::ClientArgs;
use crate::config::folders::UserFolders;
use crate::config::password_file::first_line;
use crate::config::settings_file::{on_or_off, parse_settings, setting};
use crate::values::Seconds;

/// The default time limit of a line.
const TIMEOUT: Seconds = Seconds(30);

/// The longest settings file that is read.
const CONFIG_BYTES_MAX: u64 = 64 * 1024;

/// The settings of one run.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerAddresses,
    pub(crate) trust: Trust,
    pub(crate) user: Option<UserName>,
    /// Whether no session is saved.
    pub(crate) no_save: bool,
    /// The password from a file or the environment. Nobody is asked then.
    pub(crate) password: Option<Password>,
    pub(crate) timeout: Duration,
}

/// The sources of the settings.
pub(crate) struct SettingsSources<'a> {
    /// The flags.
    pub(crate) args: &'a ClientArgs,
    /// The environment. A variable that is empty counts as not set.
    pub(crate) environment: &'a dyn Fn(&str) -> Option<String>,
    /// The user's folders.
    pub(crate) home: anyhow::Result<UserFolders>,
    /// The treatment of an unknown server if no setting says.
    pub(crate) unknown: Unknown,
}

/// The settings file.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SettingsFile {
    #[serde(deserialize_with = "setting")]
    server: Option<String>,
    #[serde(deserialize_with = "setting")]
    user: Option<String>,
    #[serde(deserialize_with = "on_or_off")]
    no_save: Option<bool>,
    #[serde(deserialize_with = "setting")]
    password_file: Option<PathBuf>,
    #[serde(deserialize_with = "setting")]
    timeout: Option<Seconds>,
    #[serde(deserialize_with = "setting")]
    fingerprint: Option<String>,
    #[serde(deserialize_with = "setting")]
    ca: Option<PathBuf>,
    #[serde(deserialize_with = "on_or_off")]
    accept_new: Option<bool>,
}

/// The settings that the file may hold.
const NAMES: [&str; 8] =
    ["server", "user", "no_save", "password_file", "timeout", "fingerprint", "ca", "accept_new"];

impl SettingsSources<'_> {
    /// Combines the sources.
    ///
    /// # Errors
    /// A value is wrong, or a file cannot be read. The text names it.
    pub(crate) fn resolve(self) -> anyhow::Result<Settings> {
        let config = self.config()?;
        let SettingsFile { server, user, timeout, .. } = &config;
        let server = self.first(&self.args.server, "QCHAT_SERVER", server);
        let user = self.first(&self.args.user, "QCHAT_USER", user);
        let Seconds(timeout) = self.args.timeout.or(*timeout).unwrap_or(TIMEOUT);
        Ok(Settings {
            server: server
                .as_deref()
                .unwrap_or("localhost")
                .parse()
                .context("the server's address")?,
            user: user
                .map(|name| {
                    names::name::<UserName>(&name).with_context(|| format!("the user {name:?}"))
                })
                .transpose()?,
            no_save: self.args.no_save || config.no_save.unwrap_or_default(),
            password: self.password(&config)?,
            timeout: Duration::from_secs(timeout),
            trust: self.trust(&config)?,
        })
    }

    fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    fn first(
        &self,
        flag: &Option<String>,
        variable: &str,
        config: &Option<String>,
    ) -> Option<String> {
        flag.clone().or_else(|| self.variable(variable)).or_else(|| config.clone())
    }

    /// The settings file that was named, which must exist, or the default one, which need not.
    fn config(&self) -> anyhow::Result<SettingsFile> {
        let named = self.args.config.clone();
        let named = named.or_else(|| self.variable("QCHAT_CONFIG").map(PathBuf::from));
        match (&named, &self.home) {
            (Some(path), _) => read_config(path),
            (None, Ok(home)) if home.config_file().exists() => read_config(&home.config_file()),
            (None, _) => Ok(SettingsFile::default()),
        }
    }

    fn password(&self, config: &SettingsFile) -> anyhow::Result<Option<Password>> {
        let from_file = |path: &PathBuf| first_line(path).map(Some);
        if let Some(path) = &self.args.password_file {
            return from_file(path);
        }
        match (self.variable("QCHAT_PASSWORD"), &config.password_file) {
            (Some(password), _) => {
                let password =
                    Password::try_from(password).context("the password in QCHAT_PASSWORD")?;
                Ok(Some(password))
            }
            (None, Some(path)) => from_file(path),
            (None, None) => Ok(None),
        }
    }

    /// One flag about trust replaces all settings of the file about trust.
    fn trust(&self, config: &SettingsFile) -> anyhow::Result<Trust> {
        let ClientArgs { fingerprint, ca, accept_new, .. } = self.args;
        if fingerprint.is_some() || ca.is_some() || *accept_new {
            return self.trust_of(fingerprint, ca, Some(true).filter(|_| *accept_new));
        }
        self.trust_of(&config.fingerprint, &config.ca, config.accept_new)
    }

    fn trust_of(
        &self,
        fingerprint: &Option<String>,
        ca: &Option<PathBuf>,
        accept_new: Option<bool>,
    ) -> anyhow::Result<Trust> {
        if let Some(text) = fingerprint {
            let fingerprint: Fingerprint = text.parse().with_context(|| format!("{text:?}"))?;
            return Ok(Trust::Fingerprint(fingerprint));
        }
        if let Some(path) = ca {
            return Ok(Trust::Authority(path.clone()));
        }
        let home = self.home.as_ref().map_err(|error| anyhow::anyhow!("{error:#}"))?;
        let unknown = match accept_new {
            Some(true) => Unknown::Accept,
            Some(false) => Unknown::Refuse,
            None => self.unknown,
        };
        Ok(Trust::Known { pins: PinFile::at(home.pin_file()), unknown })
    }
}

fn read_config(path: &Path) -> anyhow::Result<SettingsFile> {
    let name = || format!("the settings file {}", path.display());
    let length = std::fs::metadata(path).with_context(name)?.len();
    if length > CONFIG_BYTES_MAX {
        bail!("{} is too long", name());
    }
    let text = std::fs::read_to_string(path).with_context(name)?;
    parse_settings(&text, &NAMES).map_err(|why| anyhow::anyhow!("{}{why}", name()))
}

/// Parses any text as a settings file.
#[cfg(any(test, fuzzing))]
pub(crate) fn check_config(text: &str) {
    match parse_settings(text, &NAMES) {
        Ok(SettingsFile { server, fingerprint, .. }) => {
            let _ = server.map(|server| server.parse::<ServerAddresses>());
            let _ = fingerprint.map(|text| text.parse::<Fingerprint>());
        }
        Err(why) => assert!(why.contains(": "), "{why}"),
    }
}

#[cfg(test)]
mod tests;
