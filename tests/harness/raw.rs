//! A bare QUIC connection, for what no client of ours would ever say.

use std::sync::Arc;

use qchat_proto::limits::ANSWER_BYTES_MAX;
use qchat_proto::{ALPN, Command, Refusal, Request, frame};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ClientConfig, Connection, Endpoint, RecvStream, SendStream};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use tokio::time::timeout;

use super::{DEADLINE, Server};

/// A connection to a server, with nothing of ours between.
pub(crate) struct Raw {
    pub(crate) connection: Connection,
    // The connection lives as long as its endpoint.
    _endpoint: Endpoint,
}

impl Raw {
    pub(crate) async fn connect(server: &Server) -> Self {
        Self::with_alpn(server, ALPN).await.expect("the server answers")
    }

    pub(crate) async fn with_alpn(
        server: &Server,
        protocol: &[u8],
    ) -> Result<Self, quinn::ConnectionError> {
        let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
        let connecting =
            endpoint.connect_with(configuration(server, protocol), server.address, "localhost");
        let connection = in_time(connecting.unwrap()).await?;
        Ok(Self { connection, _endpoint: endpoint })
    }

    pub(crate) async fn stream(&self) -> (SendStream, RecvStream) {
        in_time(self.connection.open_bi()).await.unwrap()
    }

    /// Asks as a client does.
    pub(crate) async fn ask<C: Command>(&self, command: C) -> Result<C::Reply, Refusal> {
        let (mut send, mut receive) = self.stream().await;
        let request: Request = command.into();
        in_time(send.write_all(&frame::encode_frame(&request))).await.unwrap();
        send.finish().unwrap();
        in_time(frame::read(&mut receive, ANSWER_BYTES_MAX)).await.unwrap()
    }
}

/// Waits with the deadline of all tests.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(DEADLINE, future).await.expect("it is answered in time")
}

fn configuration(server: &Server, protocol: &[u8]) -> ClientConfig {
    let certificate = server.folder().join("cert/cert.pem");
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![protocol.to_vec()];
    ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()))
}
