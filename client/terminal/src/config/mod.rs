//! The settings of a run: flags, environment and files.

mod args;
mod folders;
mod password_file;
pub(crate) mod settings;
mod settings_file;

pub use args::ClientArgs;
pub(crate) use folders::{UserFolders, component, path_of};
pub(crate) use settings::{Settings, SettingsSources};
pub use settings_file::{parse_settings, setting};
