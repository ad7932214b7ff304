//! The settings of a server, and their defaults.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use qchat_proto::limits::FILE_BYTES_MAX;

use crate::identity::IdentityFiles;
use crate::limits::TOKENS_PER_SECOND;

/// Where a server finds and keeps things, and what it allows.
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
    /// What it allows.
    pub limits: Limits,
}

/// What a server allows its users.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The largest file, in bytes. More than [`FILE_BYTES_MAX`] is never taken.
    pub file_bytes_max: u64,
    /// What all files of one sender may take, in bytes.
    pub quota_bytes: Option<u64>,
    /// How much of the disk is kept free of files, in bytes.
    pub free_bytes_min: u64,
    /// The shortest password, in characters.
    pub password_characters_min: u32,
    /// How many accounts may be made from one address in an hour.
    pub accounts_per_hour: NonZeroU32,
    /// How many commands a second a connection may ask for; an account, on all of them, twice as many.
    pub commands_per_second: NonZeroU32,
    /// How long files are kept; `None` is for ever.
    pub keep_files: Option<Duration>,
    /// How many connections it takes.
    pub connections_max: usize,
    /// How many of them from one address, or from one network of IPv6 (64 bits).
    pub connections_per_address_max: usize,
    /// How long an unfinished upload waits for its sender to go on with it.
    pub unfinished_age_max: Duration,
}

/// More than is kept free of messages, so that these go on for longer.
const FREE_BYTES_MIN: u64 = 32 * 1024 * 1024;

/// A thousand people with four devices each, half of whom may share an address.
const CONNECTIONS_MAX: usize = 4096;
const CONNECTIONS_PER_ADDRESS_MAX: usize = 2048;

/// A week: somebody may be away with what they were sending.
const UNFINISHED_AGE_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// A class of pupils, three times over.
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
