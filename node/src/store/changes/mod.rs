//! The changes of the store. A handler stamps a change with time, ids and hashes; `apply` checks everything,
//! also permission, before it writes anything.

mod accounts;
mod files;
mod groups;
mod messages;
mod passwords;
mod receipts;
mod sessions;

pub(crate) use accounts::{CreateAccount, SetPassword};
pub(crate) use files::ExpireFiles;
pub(crate) use groups::{CreateGroup, JoinGroup, LeaveGroup};
pub(crate) use messages::{Content, Naming, Post};
pub(crate) use passwords::PasswordOutcome;
pub(crate) use receipts::{Mark, MarkMessages};
pub(crate) use sessions::{EndSessions, SessionSelection, StartSession, UseSession};
