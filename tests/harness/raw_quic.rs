//! A bare QUIC connection, for bytes that the real client never sends.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use qchat_proto::command::{Login, Register, Resume};
use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{ALPN, ClientId, Command, Refusal, Request, SessionToken, frame};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, ConnectionError, Endpoint, RecvStream, SendStream};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use super::{DEADLINE, PASSWORD, Server};

/// A connection to a server without any code of the client.
pub(crate) struct RawConnection {
    pub(crate) connection: Connection,
    // The connection lives as long as its endpoint.
    _endpoint: Endpoint,
}

impl RawConnection {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::with_alpn(server, ALPN).await.expect("the server answers")
    }

    pub(crate) async fn with_alpn(
        server: &Server,
        protocol: &[u8],
    ) -> Result<Self, quinn::ConnectionError> {
        let mut tls = tls(server);
        tls.alpn_protocols = vec![protocol.to_vec()];
        Self::with_tls(server, tls).await
    }

    pub(crate) async fn with_tls(
        server: &Server,
        tls: rustls::ClientConfig,
    ) -> Result<Self, ConnectionError> {
        Self::with_crypto(server, Arc::new(QuicClientConfig::try_from(tls).unwrap())).await
    }

    pub(crate) async fn with_crypto(
        server: &Server,
        crypto: Arc<dyn quinn::crypto::ClientConfig>,
    ) -> Result<Self, ConnectionError> {
        Self::of(&endpoint("127.0.0.1"), server.address, ClientConfig::new(crypto)).await
    }

    /// Connects from an endpoint that may have other connections.
    pub(crate) async fn on(endpoint: &Endpoint, server: &Server) -> Result<Self, ConnectionError> {
        Self::of(endpoint, server.address, configuration(server, ALPN)).await
    }

    /// Connects to an address. The future borrows no server, so that a spawned task can await it.
    pub(crate) async fn of(
        endpoint: &Endpoint,
        server: SocketAddr,
        configuration: ClientConfig,
    ) -> Result<Self, ConnectionError> {
        let connecting = endpoint.connect_with(configuration, server, "localhost");
        let connection = in_time(connecting.unwrap()).await?;
        Ok(Self { connection, _endpoint: endpoint.clone() })
    }

    /// Makes an account and signs in.
    pub(crate) async fn sign_up(&self, name: &str) -> SessionToken {
        let (user, password) =
            (|| name.parse().unwrap(), || PASSWORD.to_owned().try_into().unwrap());
        let (id, user, password) = (ClientId::random(), (user(), user()), (password(), password()));
        self.ask(Register { id, user: user.0, password: password.0 }).await.unwrap();
        self.ask(Login { user: user.1, password: password.1 }).await.unwrap().token
    }

    /// Resumes a session.
    pub(crate) async fn resume(&self, token: &SessionToken) {
        self.ask(Resume { token: token.clone() }).await.unwrap();
    }

    /// Opens a stream if the server allows one more right now.
    pub(crate) async fn stream_at_once(&self) -> Option<(SendStream, RecvStream)> {
        tokio::select! {
            biased;
            stream = self.connection.open_bi() => Some(stream.unwrap()),
            () = std::future::ready(()) => None,
        }
    }

    pub(crate) async fn stream(&self) -> (SendStream, RecvStream) {
        in_time(self.connection.open_bi()).await.unwrap()
    }

    /// Sends a request on a stream of its own and reads the answer, as the real client does.
    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Reply, Refusal> {
        let (mut send, mut receive) = self.stream().await;
        let request: Request = command.into();
        in_time(send.write_all(&frame::encode_frame(&request))).await.unwrap();
        send.finish().unwrap();
        in_time(frame::read(&mut receive, ANSWER_BYTES_MAX)).await.unwrap()
    }
}

/// An endpoint for outgoing connections, bound to an address of this machine.
pub(crate) fn endpoint(address: &str) -> Endpoint {
    let address: IpAddr = address.parse().unwrap();
    Endpoint::client((address, 0).into()).unwrap()
}

/// Awaits a future, for at most [`DEADLINE`].
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("it is answered in time")
}

/// The configuration of a client that speaks this protocol.
pub(crate) fn configuration(server: &Server, protocol: &[u8]) -> ClientConfig {
    configuration_with(server, protocol, aws_lc_rs::default_provider())
}

/// The configuration of a client with the caller's choice of cryptography.
pub(crate) fn configuration_with(
    server: &Server,
    protocol: &[u8],
    provider: CryptoProvider,
) -> ClientConfig {
    let mut tls = tls_with(server, provider);
    tls.alpn_protocols = vec![protocol.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}

/// TLS settings that the server cannot tell from those of the real client.
pub(crate) fn tls(server: &Server) -> rustls::ClientConfig {
    tls_with(server, aws_lc_rs::default_provider())
}

fn tls_with(server: &Server, provider: CryptoProvider) -> rustls::ClientConfig {
    let certificate = server.folder().join("cert/cert.pem");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let mut tls = rustls::ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls
}
