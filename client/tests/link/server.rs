//! A QUIC server with our ALPN and a function for each connection.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use qchat_client::proto::{ALPN, Fingerprint, Request, frame, limits};
use qchat_client::{Client, ServerAddress, Trust};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, RecvStream, SendStream, ServerConfig};
use rcgen::{CertifiedKey, KeyPair, PublicKeyData};
use rustls::pki_types::PrivateKeyDer;
use rustls::server::{ClientHello, ResolvesServerCert};
use serde::Serialize;

/// A self-signed certificate with its key.
pub(crate) struct Identity(CertifiedKey<KeyPair>);

impl Identity {
    pub(crate) fn new() -> Self {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    pub(crate) fn for_names(names: &[&str]) -> Self {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Self(rcgen::generate_simple_self_signed(names).unwrap())
    }

    /// Shows the certificate of another server, and signs with its own key.
    pub(crate) fn posing_as(other: &Self) -> Self {
        let CertifiedKey { signing_key, .. } = Self::new().0;
        Self(CertifiedKey { cert: other.0.cert.clone(), signing_key })
    }

    /// The fingerprint of its own key.
    pub(crate) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_public_key(&self.0.signing_key.subject_public_key_info())
    }

    /// Writes the certificate into `folder`.
    pub(crate) fn pem(&self, folder: &Path) -> PathBuf {
        let path = folder.join("cert.pem");
        std::fs::write(&path, self.0.cert.pem()).unwrap();
        path
    }

    fn server_config(&self, protocols: &[&[u8]]) -> ServerConfig {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let key = PrivateKeyDer::try_from(self.0.signing_key.serialize_der()).unwrap();
        let key = provider.key_provider.load_private_key(key).unwrap();
        // rustls does not check that the two belong together.
        let shown = rustls::sign::CertifiedKey::new(vec![self.0.cert.der().clone()], key);
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(Arc::new(shown))));
        tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).unwrap()))
    }
}

/// Shows one certificate to everybody.
#[derive(Debug)]
struct Always(Arc<rustls::sign::CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Starts a server that calls `serve` for every connection that is established.
pub(crate) fn start<S, F>(identity: &Identity, serve: S) -> ServerAddress
where
    S: Fn(Connection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    start_speaking(&[ALPN], identity, serve)
}

/// Starts a server with other application protocols, or none.
pub(crate) fn start_speaking<S, F>(
    protocols: &[&[u8]],
    identity: &Identity,
    serve: S,
) -> ServerAddress
where
    S: Fn(Connection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    start_at("127.0.0.1:0", protocols, identity, serve)
}

/// Starts a server at an address.
pub(crate) fn start_at<S, F>(
    address: &str,
    protocols: &[&[u8]],
    identity: &Identity,
    serve: S,
) -> ServerAddress
where
    S: Fn(Connection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let address = address.parse().unwrap();
    let endpoint = Endpoint::server(identity.server_config(protocols), address).unwrap();
    let address = endpoint.local_addr().unwrap().to_string().parse().unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = endpoint.accept().await {
            if let Ok(connection) = incoming.await {
                tokio::spawn(serve(connection));
            }
        }
    });
    address
}

/// A client of a server that calls `serve` once.
pub(crate) async fn client_of<S, F>(serve: S) -> Client
where
    S: Fn(Connection) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let identity = Identity::new();
    let server = start(&identity, serve);
    Client::connect(&server, Trust::Fingerprint(identity.fingerprint())).await.unwrap()
}

/// The next command, and the stream for its answer.
pub(crate) async fn next_request(connection: &Connection) -> Option<(Request, SendStream)> {
    let (answer, mut question): (SendStream, RecvStream) = connection.accept_bi().await.ok()?;
    let request = frame::read(&mut question, limits::REQUEST_BYTES_MAX).await.unwrap();
    Some((request, answer))
}

/// Sends `value`, and leaves the stream open.
pub(crate) async fn say<T: Serialize>(stream: &mut SendStream, value: &T) {
    stream.write_all(&frame::encode_frame(value)).await.unwrap();
}
