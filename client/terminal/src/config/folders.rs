//! The folders of this user, by the XDG Base Directory Specification.

use std::path::PathBuf;

use anyhow::Context;
use etcetera::{AppStrategy, AppStrategyArgs, choose_app_strategy};

/// The folders of files that outlive a run. They are created when they are needed.
#[derive(Debug, Clone)]
pub(crate) struct UserFolders {
    config: PathBuf,
    state: PathBuf,
}

impl UserFolders {
    /// The folders below this one.
    #[cfg(test)]
    pub(crate) fn below(folder: &std::path::Path) -> Self {
        Self { config: folder.join("config"), state: folder.join("state") }
    }

    /// Finds the folders.
    ///
    /// # Errors
    /// The user has no home folder.
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

    /// The keys of known servers.
    pub(crate) fn pin_file(&self) -> PathBuf {
        self.config.join("known_servers")
    }

    /// The lists of addresses that are one server each.
    pub(crate) fn server_lists(&self) -> PathBuf {
        self.state.join("servers")
    }

    /// The last good address of each server.
    pub(crate) fn routes(&self) -> PathBuf {
        self.state.join("routes")
    }

    /// The saved sessions.
    pub(crate) fn sessions(&self) -> PathBuf {
        self.state.join("sessions")
    }

    /// The cursors of listeners.
    pub(crate) fn cursors(&self) -> PathBuf {
        self.state.join("cursors")
    }

    /// The lines that wait for a connection.
    pub(crate) fn outboxes(&self) -> PathBuf {
        self.state.join("outbox")
    }

    /// The notes of unfinished uploads.
    pub(crate) fn uploads(&self) -> PathBuf {
        self.state.join("uploads")
    }

    /// The history of the prompt.
    pub(crate) fn history_file(&self) -> PathBuf {
        self.state.join("history")
    }
}

/// The name as one component of a path. Different names give different components.
pub(crate) fn component(name: &str) -> String {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte);
    let encode = |byte: u8| match byte {
        byte if plain(byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(encode).collect()
}
