//! The settings of a server, and their defaults.

#[cfg(feature = "cluster")]
use std::fmt;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use qchat_proto::limits::FILE_BYTES_MAX;

#[cfg(feature = "cluster")]
use crate::files::FilesAddress;
use crate::identity::IdentityFiles;
use crate::limits::TOKENS_PER_SECOND;

/// The address, folders and limits of a server.
#[derive(Debug, Clone)]
pub struct Config {
    /// The UDP address; `[::]` serves both IP versions.
    pub listen: SocketAddr,
    /// The certificate and its key.
    pub identity: IdentityFiles,
    /// The folder of the store.
    pub data: PathBuf,
    /// The folder of the uploaded files.
    pub upload: PathBuf,
    /// The bucket of the uploaded files, instead of the folder.
    #[cfg(feature = "cluster")]
    pub files: Option<FilesAddress>,
    /// The limits of its users.
    pub limits: Limits,
    /// The database that holds the store instead of the data folder, together with other servers.
    #[cfg(feature = "cluster")]
    pub database: Option<SharedDatabase>,
}

/// A database that several servers share.
#[cfg(feature = "cluster")]
#[derive(Clone)]
pub struct SharedDatabase {
    /// A URL such as `postgres://USER@HOST,HOST/DATABASE`. The usual `PG…` variables complete it.
    pub url: String,
    /// The name of this server, which no other server of the database has.
    pub node: String,
}

/// Without the URL, which may hold a password.
#[cfg(feature = "cluster")]
impl fmt::Debug for SharedDatabase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SharedDatabase").field("node", &self.node).finish_non_exhaustive()
    }
}

/// Limits of the users of a server.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest file, in bytes, at most [`FILE_BYTES_MAX`].
    pub file_bytes_max: u64,
    /// The quota for all files of one sender, in bytes.
    pub quota_bytes: Option<u64>,
    /// How much of the disk is kept free of files, in bytes.
    pub free_bytes_min: u64,
    /// The shortest password, in characters.
    pub password_characters_min: u32,
    /// Accounts that may be made from one address in an hour.
    pub accounts_per_hour: NonZeroU32,
    /// Commands in a second on one connection. An account may send twice as many on all its connections.
    pub commands_per_second: NonZeroU32,
    /// How long files are kept; `None` is for ever.
    pub keep_files: Option<Duration>,
    /// Connections in all.
    pub connections_max: usize,
    /// Connections from one IPv4 address or one IPv6 /64 prefix.
    pub connections_per_address_max: usize,
    /// The age at which an unfinished upload is removed.
    pub unfinished_age_max: Duration,
}

/// More than is kept free for messages, so messages can be sent for longer than files.
const FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// A thousand people with four devices each, half of whom may share an address.
const CONNECTIONS_MAX: usize = 4096;
const CONNECTIONS_PER_ADDRESS_MAX: usize = 2048;

/// A week: a sender may be away in the middle of an upload.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Three classes of pupils.
const ACCOUNTS_PER_HOUR: NonZeroU32 = NonZeroU32::MIN.saturating_add(99);

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes_max: FILE_BYTES_MAX,
            quota_bytes: None,
            free_bytes_min: FREE_BYTES_MIN,
            password_characters_min: 1,
            accounts_per_hour: ACCOUNTS_PER_HOUR,
            commands_per_second: TOKENS_PER_SECOND,
            keep_files: None,
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            unfinished_age_max: UNFINISHED_AGE_MAX,
        }
    }
}
