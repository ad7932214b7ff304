//! The results that are only shown: each file has one of them, as text and as JSON.

mod groups;
mod members;
mod sessions;
mod users;

pub(crate) use groups::*;
pub(crate) use members::*;
pub(crate) use sessions::*;
pub(crate) use users::*;
