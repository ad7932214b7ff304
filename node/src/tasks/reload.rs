//! Reading the certificate and its key anew while the server runs.
//!
//! New handshakes use what was read; connections that stand keep what they were made with. The keys of
//! the endpoint ([`endpoint_keys`](crate::network::endpoint_keys)) stay those of its start: a connection id that
//! is in use must go on being recognised.

use std::error::Error;
use std::sync::Arc;

use quinn::Endpoint;

use crate::error_chain::chain;
use crate::identity::{Identity, IdentityFiles};
use crate::network::endpoint;
use crate::state::ServerState;

/// Reads the identity of a running server anew.
pub struct Reload {
    pub(crate) state: Arc<ServerState>,
    pub(crate) endpoint: Endpoint,
    pub(crate) files: IdentityFiles,
}

type ReloadError = Box<dyn Error + Send + Sync>;

impl Reload {
    /// Reads certificate, key and next key, and uses them from now on. Where one of them is wrong, that
    /// is logged, and all that was in use before stays so.
    ///
    /// # Cancel safety
    /// Cancel safe: what was in use stays so.
    pub async fn run(&self) {
        match self.read_and_show().await {
            Ok(()) => {}
            Err(error) => tracing::error!(
                error = chain(&*error),
                "the certificate and its key could not be read anew; those before stay in use"
            ),
        }
    }

    async fn read_and_show(&self) -> Result<(), ReloadError> {
        let files = self.files.clone();
        let identity = tokio::task::spawn_blocking(move || files.read()).await??;
        self.show(&identity)
    }

    fn show(&self, identity: &Identity) -> Result<(), ReloadError> {
        let identification = identity.identification()?;
        if self.state.stopping.is_cancelled() {
            return Ok(());
        }
        endpoint::show(&self.endpoint, identity)?;
        self.state.current_identity.set(identification);
        let fingerprint = identification.keys.current;
        let next = identification.keys.next.map(tracing::field::display);
        tracing::info!(%fingerprint, next, "the certificate and its key were read anew");
        Ok(())
    }
}
