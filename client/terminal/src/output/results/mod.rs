//! The results that are only shown: each file has one of them, as text and as JSON.

mod groups;
mod members;
mod sessions;
mod users;

pub(crate) use groups::Groups;
pub(crate) use members::Members;
pub(crate) use sessions::Sessions;
pub(crate) use users::Users;
