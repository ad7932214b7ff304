//! The names of users, groups and files. Each type checks its rule when it is decoded.

mod checked_string;
mod file_name;
mod file_path;
mod stored_name;
mod user_and_group;

pub use file_name::{FileName, PART_PREFIX, is_blank};
pub use file_path::{FilePath, FolderPath, FolderPathError};
pub use stored_name::StoredName;
pub use user_and_group::{GroupName, NameError, UserName};
