//! The folders that belong to this user, by the XDG Base Directory Specification.

use std::path::{Path, PathBuf};

use anyhow::Context;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};
use qchat_client::{ServerAddress, UserName};

/// Where qchat keeps what outlives one run. Nothing is made before it is needed.
#[derive(Debug, Clone)]
pub(crate) struct UserFolders {
    config: PathBuf,
    state: PathBuf,
}

impl UserFolders {
    /// The user's folders.
    ///
    /// # Errors
    /// Where the user has no home folder.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let name = AppStrategyArgs { app_name: "qchat".to_owned(), ..Default::default() };
        let folders =
            choose_app_strategy(name).context("finding your home folder (is HOME set?)")?;
        let state = folders.state_dir().unwrap_or_else(|| folders.data_dir());
        Ok(Self { config: folders.config_dir(), state })
    }

    /// The settings file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.config.join("config.toml")
    }

    /// The keys of the servers seen before.
    pub(crate) fn pin_file(&self) -> PathBuf {
        self.config.join("known_servers")
    }

    /// The saved sessions.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.state.join("sessions")
    }

    /// How far listeners have come.
    pub(crate) fn cursors(&self) -> PathBuf {
        self.state.join("cursors")
    }

    /// The lines that wait for their server.
    pub(crate) fn outboxes(&self) -> PathBuf {
        self.state.join("outbox")
    }

    /// The uploads that were begun and not answered.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.state.join("uploads")
    }

    /// The lines that were typed.
    pub(crate) fn history_file(&self) -> PathBuf {
        self.state.join("history")
    }
}

/// The file of a server and a user below `folder`.
pub(crate) fn path_of(folder: &Path, server: &ServerAddress, user: &UserName) -> PathBuf {
    folder.join(component(&server.to_string())).join(component(user.as_str()))
}

/// The name as one component of a path, different for different names.
pub(crate) fn component(name: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let encode = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
