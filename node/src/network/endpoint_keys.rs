//! Keys of the QUIC endpoint that stay the same after a restart.
//!
//! A restarted server knows nothing of its earlier connections. It can end them at once by a stateless reset
//! (RFC 9000, section 10.3), if it recognises the connection ids as its own and signs with the same key as
//! before. Otherwise each client waits for its idle timeout. All keys are derived from the server's private
//! key, which is kept anyway and is as secret as they must be.

use std::sync::Arc;

use aws_lc_rs::{hkdf, hmac};
use quinn::ConnectionIdGenerator;
use quinn::crypto::{HandshakeTokenKey, HmacKey};
use quinn_proto::HashedConnectionIdGenerator;

use crate::identity::Identity;

/// The keys of one server, in any of its processes.
pub(crate) struct EndpointKeys {
    reset: [u8; 32],
    connection_ids: [u8; 32],
    token: [u8; 32],
}

impl EndpointKeys {
    /// Derives the keys. The contexts never change: a restarted server must derive the same keys.
    pub(crate) fn of(identity: &Identity) -> Self {
        let key = identity.key();
        let derive = |context| blake3::derive_key(context, key.secret_der());
        Self {
            reset: derive("qchat 2026-11-22 stateless reset tokens"),
            connection_ids: derive("qchat 2026-11-22 connection ids"),
            token: derive("qchat 2026-11-22 address validation tokens"),
        }
    }

    /// Signs stateless resets.
    pub(crate) fn reset(&self) -> Arc<dyn HmacKey> {
        Arc::new(hmac::Key::new(hmac::HMAC_SHA256, &self.reset))
    }

    /// Makes connection ids that the next process recognises.
    pub(crate) fn connection_ids(
        &self,
    ) -> impl Fn() -> Box<dyn ConnectionIdGenerator> + Send + Sync + 'static {
        let (first, _) = self.connection_ids.split_first_chunk().unwrap_or((&[0; 8], &[]));
        let key = u64::from_be_bytes(*first);
        move || Box::new(HashedConnectionIdGenerator::from_key(key))
    }

    /// Seals the tokens by which a client shows that its address is validated (RFC 9000, section 8.1).
    pub(crate) fn token(&self) -> Arc<dyn HandshakeTokenKey> {
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(&self.token))
    }
}
