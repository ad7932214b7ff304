//! Flags, environment and files: the settings of a run.

mod args;
mod folders;
pub(crate) mod settings;
mod settings_file;
mod values;

pub use args::ClientArgs;
pub(crate) use folders::UserFolders;
pub(crate) use settings::{Settings, SettingsSources};
pub use settings_file::{parse_settings, setting};
pub use values::{Age, Count, Seconds, Size};
