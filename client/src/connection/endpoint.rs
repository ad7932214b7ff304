//! The configuration of QUIC and TLS: TLS 1.3 and QUIC version 1 alone, no early data, our ALPN.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::ALPN;
use qchat_transfer::{WINDOW_BYTES_MAX, WINDOW_BYTES_MIN, configure_transport};
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{
    ClientConfig, Endpoint, EndpointConfig, Runtime, TokioRuntime, TransportConfig, VarInt,
};
use rustls::CipherSuite::TLS13_AES_128_GCM_SHA256;
use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::version::TLS13;
use socket2::{Domain, Protocol, Type};

use crate::connection::udp_socket::Socket;
use crate::trust::Verifier;

/// QUIC version 1 (RFC 9000).
const QUIC_V1: u32 = 1;

/// The interval of the heartbeat, which is sent when nothing else was. So an idle server finds a client whose
/// address has changed, and a client notices a restarted server. How long the answer may take depends on the
/// round trip of the path ([`qchat_transfer::until_silent`]).
const KEEP_ALIVE: Duration = Duration::from_millis(1_500);

/// After this long without a packet the connection is lost, whatever its path; so is a handshake.
const IDLE_TIMEOUT_MILLISECONDS: u32 = 30_000;

/// The largest packet of a connection that carries no files: the smallest that QUIC allows as a limit (RFC 9000,
/// section 18.2), which every path takes.
const TALK_PACKET_BYTES: u16 = 1_200;

/// The most files that a server may send at once.
const FILES_MAX: u32 = 16;

/// Larger than the defaults of operating systems, which lose packets at high rates.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The cryptography: one library, named here instead of a process-wide default. AES-128 is the first cipher:
/// the server takes the first that it knows, and a longer key costs a few per cent of speed.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| suite.suite() != TLS13_AES_128_GCM_SHA256);
    Arc::new(provider)
}

/// The purpose of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Messages alone: its packets stay small, and nothing is spent on finding larger ones.
    Talk,
    /// Messages and files.
    Files,
}

/// The configuration of a connection.
pub(crate) fn client_config(
    purpose: Purpose,
    verifier: Arc<Verifier>,
) -> Result<ClientConfig, rustls::Error> {
    let mut tls = rustls::ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    tls.alpn_protocols = vec![ALPN.to_vec()];
    // A resumed TLS session would skip the check of the server's key.
    tls.resumption = Resumption::disabled();
    tls.enable_early_data = false;
    let quic = QuicClientConfig::try_from(tls)
        .map_err(|error| rustls::Error::General(error.to_string()))?;
    let mut config = ClientConfig::new(Arc::new(quic));
    config.transport_config(Arc::new(transport(purpose)));
    config.version(QUIC_V1);
    Ok(config)
}

fn transport(purpose: Purpose) -> TransportConfig {
    let mut transport = TransportConfig::default();
    configure_transport(&mut transport);
    if purpose == Purpose::Talk {
        transport.mtu_discovery_config(None);
    }
    transport
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(Some(VarInt::from_u32(IDLE_TIMEOUT_MILLISECONDS).into()))
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(FILES_MAX))
        .stream_receive_window(VarInt::from_u32(WINDOW_BYTES_MAX))
        // These limit the memory, and grow with need.
        .receive_window(VarInt::from_u32(WINDOW_BYTES_MIN))
        .send_window(WINDOW_BYTES_MIN.into())
        .datagram_receive_buffer_size(None);
    transport
}

/// An endpoint that can reach `peer`. It is bound to the wildcard address, so that it moves along
/// when this machine's route changes.
pub(crate) fn endpoint_for(
    purpose: Purpose,
    peer: SocketAddr,
) -> io::Result<(Endpoint, Arc<Socket>)> {
    let wildcard: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket =
        socket2::Socket::new(Domain::for_address(wildcard), Type::DGRAM, Some(Protocol::UDP))?;
    // The operating system may have a lower limit, which is enough to chat.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.bind(&wildcard.into())?;
    let mut config = EndpointConfig::default();
    config.supported_versions(vec![QUIC_V1]);
    if purpose == Purpose::Talk {
        config.max_udp_payload_size(TALK_PACKET_BYTES).map_err(io::Error::other)?;
    }
    let socket = Arc::new(Socket::new(TokioRuntime.wrap_udp_socket(socket.into())?));
    let (below, runtime) = (Arc::clone(&socket), Arc::new(TokioRuntime));
    Ok((Endpoint::new_with_abstract_socket(config, None, below, runtime)?, socket))
}
