//! The server as a whole: starting, accepting, stopping in order.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::Fingerprint;
use qchat_proto::limits::FILE_BYTES_MAX;
use qchat_transfer::Budget;
use quinn::Endpoint;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Passwords;
use crate::commands::Sessions;
use crate::connection::serve;
use crate::files::{UploadFolderError, Uploads};
use crate::identity::IdentityError;
use crate::identity::IdentityFiles;
use crate::identity::Shown;
use crate::limits::Shares;
use crate::limits::{Rates, rate_limit};
use crate::live::Frames;
use crate::live::Memberships;
use crate::live::Presence;
use crate::live::{Hub, Topic};
use crate::network::{Admission, Caps};
use crate::network::{EndpointError, endpoint};
use crate::store::{OpenError, Store, WakeUp};
use crate::tasks::Reload;
use crate::tasks::cleanup;
use crate::tasks::{abandoned_uploads, expiry_warning};

/// How long commands under way may take to finish once the server stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// How many devices of an account may watch at a time. Each is told everything that any of them is told.
const WATCHINGS_OF_ACCOUNT_MAX: u32 = 64;

/// How many messages of an account may be tracked at a time: each looks again whenever anybody marks a
/// message of its log.
const TRACKINGS_OF_ACCOUNT_MAX: u32 = 256;

/// How many streams of texts an account may have open at a time: one for each script and device.
const TEXT_STREAMS_OF_ACCOUNT_MAX: u32 = 16;

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
            commands_per_second: rate_limit::PER_SECOND,
            keep_files: None,
            connections_max: CONNECTIONS_MAX,
            connections_per_address_max: CONNECTIONS_PER_ADDRESS_MAX,
            unfinished_age_max: UNFINISHED_AGE_MAX,
        }
    }
}

/// What the windows of all connections may have beyond the small ones: sixteen of the longest and fastest
/// paths at a time.
const WINDOWS_MEBIBYTES: u16 = 256;

/// Why a server does not start. Each text is one sentence that names the cause.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The certificate or its key.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The address.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The store.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The upload folder.
    #[error(transparent)]
    Uploads(#[from] UploadFolderError),
    /// The hashing of passwords.
    #[error("cannot hash passwords: {0}")]
    Passwords(String),
}

/// The socket failed under a running server. A supervisor should start it again.
#[derive(Debug, thiserror::Error)]
#[error("the network socket failed")]
pub struct EndpointLost;

/// What all connections share.
pub(crate) struct Node {
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) store: Store,
    pub(crate) passwords: Passwords,
    pub(crate) hub: Hub,
    pub(crate) presence: Presence,
    pub(crate) memberships: Memberships,
    pub(crate) sessions: Sessions,
    pub(crate) frames: Frames,
    pub(crate) uploads: Uploads,
    /// What files may have in memory beyond the small windows of their connections.
    pub(crate) windows: Budget,
    pub(crate) shown: Shown,
    pub(crate) rates: Rates,
    pub(crate) watchings: Shares,
    pub(crate) trackings: Shares,
    pub(crate) text_streams: Shares,
    pub(crate) stopping: CancellationToken,
}

impl Node {
    pub(crate) fn new(
        limits: Limits,
        store: Store,
        uploads: Uploads,
        passwords: Passwords,
    ) -> Self {
        let hub = Hub::default();
        let memberships = Memberships::new(hub.clone());
        store.on_change(wake(hub.clone(), memberships.clone()));
        let caps = Caps::new(limits.connections_max, limits.connections_per_address_max);
        Self {
            limits,
            admission: Admission::new(caps),
            store,
            passwords,
            presence: Presence::new(hub.clone()),
            sessions: Sessions::default(),
            frames: Frames::default(),
            hub,
            memberships,
            uploads,
            windows: Budget::of_mebibytes(WINDOWS_MEBIBYTES),
            shown: Shown::default(),
            rates: Rates::of(limits.commands_per_second),
            watchings: Shares::of(WATCHINGS_OF_ACCOUNT_MAX),
            trackings: Shares::of(TRACKINGS_OF_ACCOUNT_MAX),
            text_streams: Shares::of(TEXT_STREAMS_OF_ACCOUNT_MAX),
            stopping: CancellationToken::new(),
        }
    }
}

/// A server that has its address and its store, and is ready to run.
pub struct Server {
    node: Arc<Node>,
    endpoint: Endpoint,
    address: SocketAddr,
    fingerprint: Fingerprint,
    files: IdentityFiles,
}

impl Server {
    /// Takes the address, opens the store, and makes what is missing on a first start. What cannot
    /// work is found before anything is written: the address and the certificate come first.
    ///
    /// Needs a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(config: &Config) -> Result<Self, StartError> {
        let identity = config.identity.load()?;
        let socket = endpoint::bind(config.listen)?;
        let store = Store::open(&config.data)?;
        let uploads = Uploads::open(&config.upload, &config.data)?;
        let identity = identity.map_or_else(|| config.identity.make_default(), Ok)?;
        let identification = identity.identification()?;
        let passwords = Passwords::new(config.limits.accounts_per_hour);
        let passwords = passwords.map_err(|error| StartError::Passwords(error.to_string()))?;
        let node = Node::new(config.limits, store, uploads, passwords);
        let endpoint = endpoint::start(socket, &identity)?;
        let address = endpoint.local_addr().unwrap_or(config.listen);
        node.shown.set(identification);
        let (fingerprint, files) = (identification.keys.current, config.identity.clone());
        Ok(Self { node: Arc::new(node), endpoint, address, fingerprint, files })
    }

    /// The address that it listens on, with the port that the system chose where none was asked for.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The fingerprint by which clients know it.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// What reads its certificate and key anew while it runs.
    pub fn reload(&self) -> Reload {
        let (node, endpoint) = (Arc::clone(&self.node), self.endpoint.clone());
        Reload { node, endpoint, files: self.files.clone() }
    }

    /// Serves until `stop` is cancelled, then stops in order: accept nothing new, let commands finish,
    /// let the writer finish, close the connections.
    ///
    /// # Errors
    /// [`EndpointLost`], where it stopped by itself.
    pub async fn run(self, stop: CancellationToken) -> Result<(), EndpointLost> {
        let connections = TaskTracker::new();
        connections.spawn(cleanup::run(Arc::clone(&self.node)));
        let certificate = self.files.certificate.clone();
        connections.spawn(expiry_warning::watch(Arc::clone(&self.node), certificate));
        let ended = stop.run_until_cancelled(self.serve(&connections)).await;
        self.stop(connections).await;
        ended.map_or(Ok(()), |()| Err(EndpointLost))
    }

    /// Serves until the endpoint dies. What is unfinished is known before anybody can go on with it.
    async fn serve(&self, connections: &TaskTracker) {
        abandoned_uploads::collect(&self.node).await;
        self.accept(connections).await;
    }

    /// Accepts connections until the endpoint dies.
    async fn accept(&self, connections: &TaskTracker) {
        while let Some(incoming) = self.endpoint.accept().await {
            if let Some((incoming, handshake)) = self.node.admission.receive(incoming) {
                connections.spawn(serve::serve(Arc::clone(&self.node), incoming, handshake));
            }
        }
    }

    async fn stop(self, connections: TaskTracker) {
        tracing::info!("stopping");
        self.endpoint.set_server_config(None);
        self.node.stopping.cancel();
        connections.close();
        if timeout(STOP_TIME_MAX, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "commands under way were cut off");
        }
        self.node.store.close().await;
        self.endpoint.close(quinn::VarInt::from_u32(qchat_proto::codes::SHUTTING_DOWN), b"");
        if timeout(STOP_TIME_MAX, self.endpoint.wait_idle()).await.is_err() {
            tracing::debug!("some peers did not answer the goodbye");
        }
        tracing::info!("stopped");
    }
}

/// Brings what the store has changed to those who watch it.
fn wake(hub: Hub, memberships: Memberships) -> impl Fn(WakeUp) {
    move |wake_up| match wake_up {
        WakeUp::Log(log) => hub.wake(&Topic::Log(log)),
        WakeUp::Marks(log) => hub.wake(&Topic::Marks(log)),
        WakeUp::Membership { group, user, is_member } => {
            memberships.changed(&group, user, is_member);
        }
    }
}
