//! The settings of a run: flags, environment and files.

mod args;
mod folders;
mod password_file;
mod server_names;
pub(crate) mod settings;
mod settings_file;

pub use args::ClientArgs;
pub(crate) use folders::{UserFolders, component};
pub(crate) use server_names::{ServerNames, existing};
pub(crate) use settings::{Settings, SettingsSources};
pub use settings_file::{parse_settings, setting};
