//! The server as a whole: start, accept connections, stop in order.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::Fingerprint;
use quinn::Endpoint;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::auth::Passwords;
use crate::config::Config;
#[cfg(feature = "cluster")]
use crate::config::SharedDatabase;
use crate::connection::serve;
#[cfg(feature = "cluster")]
use crate::files::OpenFilesError;
use crate::files::{FileStore, Storage, UploadFolderError};
use crate::identity::{Identity, IdentityError, IdentityFiles};
use crate::network::{EndpointError, endpoint};
use crate::state::ServerState;
#[cfg(feature = "cluster")]
use crate::store::{DatabaseAddress, Membership, Node, SharedKeys};
use crate::store::{OpenError, Store};
use crate::tasks::{Reload, abandoned_uploads, cleanup, expiry_warning};

/// How long commands under way may take to finish once the server stops.
const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// The reason why a server does not start. Each text is one sentence that names the cause.
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
    FileStore(#[from] UploadFolderError),
    /// The bucket of the files.
    #[cfg(feature = "cluster")]
    #[error(transparent)]
    Files(#[from] OpenFilesError),
    /// The hashing of passwords.
    #[error("cannot hash passwords: {0}")]
    Passwords(String),
}

/// The reason why a running server has ended by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServerEnded {
    /// The socket failed. A supervisor should start the server again.
    #[error("the network socket failed")]
    EndpointLost,
    /// Another server of the database has this one's name.
    #[error(
        "another server has taken this one's name in the store's database; give each server its own --node"
    )]
    NameTaken,
}

/// A server that has bound its address and opened its store, and is ready to run.
pub struct Server {
    state: Arc<ServerState>,
    endpoint: Endpoint,
    address: SocketAddr,
    fingerprint: Fingerprint,
    files: IdentityFiles,
}

impl Server {
    /// Binds the address, opens the store, and makes missing files on a first start. Errors of the address
    /// and the certificate are found before anything is written.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Cancel safety
    /// Not cancel safe: the missing files may have been made.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        let identity = config.identity.load()?;
        let socket = endpoint::bind(config.listen)?;
        let (store, identity) = open_store(config, identity, &socket)?;
        let file_store = open_files(config).await?;
        let identity = identity.map_or_else(|| config.identity.make_default(), Ok)?;
        let public_identity = identity.public_identity()?;
        let passwords = Passwords::new(config.limits.accounts_per_hour);
        let passwords = passwords.map_err(|error| StartError::Passwords(error.to_string()))?;
        let state = ServerState::new(config.limits, store, file_store, passwords);
        let endpoint = endpoint::start(socket, &identity)?;
        let address = endpoint.local_addr().unwrap_or(config.listen);
        state.current_identity.set(public_identity);
        let (fingerprint, files) = (public_identity.keys.current, config.identity.clone());
        Ok(Self { state: Arc::new(state), endpoint, address, fingerprint, files })
    }

    /// The address that the server listens on, with the port that the system chose for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The fingerprint by which clients know the server.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A handle that reloads the certificate and its key while the server runs.
    pub fn reload(&self) -> Reload {
        let (state, endpoint) = (Arc::clone(&self.state), self.endpoint.clone());
        Reload { state, endpoint, files: self.files.clone() }
    }

    /// Serves until `stop` is cancelled, then stops in order: accept nothing new, let commands finish, let
    /// the writer finish, close the connections.
    ///
    /// # Errors
    /// [`ServerEnded`], if the server can serve no more.
    pub async fn run(self, stop: CancellationToken) -> Result<(), ServerEnded> {
        let connections = TaskTracker::new();
        connections.spawn(cleanup::run(Arc::clone(&self.state)));
        let certificate = self.files.certificate.clone();
        connections.spawn(expiry_warning::watch(Arc::clone(&self.state), certificate));
        let ended = stop.run_until_cancelled(self.serve(&connections)).await;
        self.stop(connections).await;
        ended.map_or(Ok(()), Err)
    }

    /// Serves until the endpoint or the store fails. Unfinished uploads are counted before a client can go on with
    /// them.
    async fn serve(&self, connections: &TaskTracker) -> ServerEnded {
        // In a store of objects this takes longer, and the first cleanup does it.
        #[cfg_attr(not(feature = "cluster"), expect(irrefutable_let_patterns, reason = "one kind"))]
        if let Storage::Folder(folder) = &self.state.file_store.storage {
            abandoned_uploads::collect(&self.state, folder).await;
        }
        tokio::select! {
            () = self.accept(connections) => ServerEnded::EndpointLost,
            () = self.state.store.name_taken() => ServerEnded::NameTaken,
        }
    }

    /// Accepts connections until the endpoint fails.
    async fn accept(&self, connections: &TaskTracker) {
        while let Some(incoming) = self.endpoint.accept().await {
            if let Some((incoming, handshake)) = self.state.admission.receive(incoming) {
                connections.spawn(serve::serve(Arc::clone(&self.state), incoming, handshake));
            }
        }
    }

    async fn stop(self, connections: TaskTracker) {
        tracing::info!("stopping");
        self.endpoint.set_server_config(None);
        self.state.stopping.cancel();
        connections.close();
        if timeout(STOP_TIME_MAX, connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "commands under way were cut off");
        }
        self.state.store.close().await;
        self.endpoint.close(quinn::VarInt::from_u32(qchat_proto::quic_codes::SHUTTING_DOWN), b"");
        if timeout(STOP_TIME_MAX, self.endpoint.wait_idle()).await.is_err() {
            tracing::debug!("some peers did not answer the goodbye");
        }
        tracing::info!("stopped");
    }
}

/// Opens the store in the data folder, or in the database. Servers of a database are known by their key, so a missing
/// one is made first.
#[cfg_attr(not(feature = "cluster"), expect(unused_variables, reason = "other servers show it"))]
fn open_store(
    config: &Config,
    identity: Option<Identity>,
    socket: &UdpSocket,
) -> Result<(Store, Option<Identity>), StartError> {
    #[cfg(feature = "cluster")]
    if let Some(SharedDatabase { url, node }) = &config.database {
        let address = DatabaseAddress::read(url, |variable| std::env::var(variable).ok());
        let address = address.map_err(OpenError::from)?;
        let identity = identity.map_or_else(|| config.identity.make_default(), Ok)?;
        let keys = identity.public_identity()?.keys;
        let addr = socket.local_addr().unwrap_or(config.listen).to_string();
        let node = Node { name: node.clone(), addr };
        let keys = SharedKeys::from(keys);
        let store = Store::connect(Membership { address, node, keys })?;
        return Ok((store, Some(identity)));
    }
    Ok((Store::open(&config.data)?, identity))
}

/// Opens the bucket of the files if one is named, and the upload folder otherwise.
async fn open_files(config: &Config) -> Result<FileStore, StartError> {
    #[cfg(feature = "cluster")]
    if let Some(address) = &config.files {
        return Ok(FileStore::open_objects(address).await?);
    }
    Ok(FileStore::open(&config.upload, &config.data)?)
}
