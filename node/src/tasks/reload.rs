//! Reloads the certificate and its key while the server runs.
//!
//! New handshakes use the new files; established connections keep theirs. The keys of the endpoint
//! ([`endpoint_keys`](crate::network::endpoint_keys)) stay those of the start, because connection ids in use
//! must still be recognised.

use std::error::Error;
use std::sync::Arc;

use quinn::Endpoint;

use crate::error_chain::error_chain;
use crate::identity::{Identity, IdentityFiles};
use crate::network::endpoint;
use crate::state::ServerState;

/// Reloads the identity of a running server.
pub struct Reload {
    pub(crate) state: Arc<ServerState>,
    pub(crate) endpoint: Endpoint,
    pub(crate) files: IdentityFiles,
}

type ReloadError = Box<dyn Error + Send + Sync>;

impl Reload {
    /// Reads the certificate, the key and the next key, and uses them from now on. If one of them is wrong,
    /// the error is logged and the former ones stay in use.
    ///
    /// # Cancel safety
    /// Cancel safe: the former ones stay in use.
    pub async fn run(&self) {
        match self.read_and_use().await {
            Ok(()) => {}
            Err(error) => tracing::error!(
                error = error_chain(&*error),
                "the certificate and its key could not be read anew; those before stay in use"
            ),
        }
    }

    async fn read_and_use(&self) -> Result<(), ReloadError> {
        let files = self.files.clone();
        let identity = tokio::task::spawn_blocking(move || files.read()).await??;
        #[cfg(feature = "cluster")]
        self.state.store.share_keys(&identity.public_identity()?.keys.into()).await?;
        self.use_identity(&identity)
    }

    fn use_identity(&self, identity: &Identity) -> Result<(), ReloadError> {
        let public_identity = identity.public_identity()?;
        if self.state.stopping.is_cancelled() {
            return Ok(());
        }
        endpoint::use_identity(&self.endpoint, identity)?;
        self.state.current_identity.set(public_identity);
        let fingerprint = public_identity.keys.current;
        let next = public_identity.keys.next.map(tracing::field::display);
        tracing::info!(%fingerprint, next, "the certificate and its key were read anew");
        Ok(())
    }
}
