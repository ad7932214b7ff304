//! QUIC without qchat: the transport settings of the two programs, and no protocol above them.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::ALPN;
use qchat_transfer::{WINDOW_BYTES_MAX, configure_transport};
use quinn::congestion::CubicConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{
    ClientConfig, Connection, Endpoint, EndpointConfig, ServerConfig, TokioRuntime,
    TransportConfig, VarInt,
};
use rustls::RootCertStore;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Protocol, Socket, Type};

use crate::people::in_time;
use crate::server::Server;

/// The socket buffers that the two programs ask for.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The largest window of the two programs. Theirs grow to this size with a file that needs it.
const WINDOW_BYTES: VarInt = VarInt::from_u32(WINDOW_BYTES_MAX);

/// A bare connection to a server. Dropping this value closes it.
pub(crate) struct Bare {
    pub(crate) connection: Connection,
    _endpoint: Endpoint,
}

impl Bare {
    /// A connection to the real server, with the default settings of quinn.
    pub(crate) fn connect(
        server: &Server,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let certificate = server.folder.join("cert/cert.pem");
        Self::dial(server.address, &certificate, TransportConfig::default())
    }

    /// A connection to a bare server, with the settings of qchat.
    pub(crate) fn tuned(
        server: SocketAddr,
        certificate: &Path,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        Self::dial(server, certificate, transport())
    }

    /// A connection to a bare server with the settings of qchat, but under CUBIC.
    pub(crate) fn under_cubic(
        server: SocketAddr,
        certificate: &Path,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let mut transport = transport();
        transport.congestion_controller_factory(Arc::new(CubicConfig::default()));
        Self::dial(server, certificate, transport)
    }

    fn dial(
        server: SocketAddr,
        certificate: &Path,
        transport: TransportConfig,
    ) -> anyhow::Result<impl Future<Output = anyhow::Result<Self>> + use<>> {
        let mut config = client(certificate)?;
        config.transport_config(Arc::new(transport));
        Ok(async move {
            let endpoint = endpoint(None)?;
            let connecting = endpoint.connect_with(config, server, "localhost")?;
            let connection = in_time("connecting", connecting).await??;
            Ok(Self { connection, _endpoint: endpoint })
        })
    }
}

/// A bare server whose certificate is written to a file.
pub(crate) fn serve(certificate: &Path) -> anyhow::Result<Endpoint> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    std::fs::write(certificate, made.cert.pem())?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())
        .map_err(|reason| anyhow::anyhow!(reason))?;
    let mut tls = rustls::ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport()));
    endpoint(Some(config))
}

fn client(certificate: &Path) -> anyhow::Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    Ok(ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?)))
}

/// The cipher suites of qchat: AES-128 first.
fn provider() -> Arc<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    let first = rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != first);
    Arc::new(provider)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    configure_transport(&mut transport);
    transport
        .stream_receive_window(WINDOW_BYTES)
        .send_window(WINDOW_BYTES.into_inner())
        .keep_alive_interval(Some(Duration::from_secs(5)));
    transport
}

fn endpoint(server: Option<ServerConfig>) -> anyhow::Result<Endpoint> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    // The system may grant less, as it does to the two programs.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    let runtime = Arc::new(TokioRuntime);
    Ok(Endpoint::new(EndpointConfig::default(), server, socket.into(), runtime)?)
}
