//! The qchat server: accounts, inboxes, groups and files over QUIC.
//!
//! A connection has a session; each of its streams is a command with a task of its own.
//! `connection/dispatch.rs` reads the request and runs its handler in `commands/`, which uses the store, the
//! passwords and the upload folder. No answer leaves before its content is durable.

mod auth;
mod clock;
mod commands;
mod config;
mod connection;
#[cfg(test)]
#[path = "../../tests/corpus/mod.rs"]
mod corpus;
mod error;
mod error_chain;
mod files;
mod fs;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod identity;
mod limits;
mod live;
mod lock;
mod network;
mod server;
mod state;
mod store;
mod tasks;

pub use crate::error_chain::error_chain;
pub use crate::files::UploadFolderError;
#[cfg(feature = "cluster")]
pub use crate::files::{FilesAddress, FilesAddressError, OpenFilesError};
pub use crate::identity::{IdentityError, MakeError, PreparedKey, Rotation};
pub use crate::network::EndpointError;
pub use crate::tasks::Reload;
#[cfg(feature = "cluster")]
pub use config::SharedDatabase;
pub use config::{Config, Limits};
pub use identity::{Identity, IdentityFiles};
pub use server::{Server, ServerEnded, StartError};
pub use store::OpenError;
#[cfg(feature = "cluster")]
pub use store::PostgresError;
