//! The QUIC endpoint: its UDP socket, TLS and transport limits.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::ALPN;
use qchat_transfer::{ConnectionWindows, WINDOW_BYTES_MAX, configure_transport};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{
    Endpoint, EndpointConfig, IdleTimeout, Runtime, ServerConfig, TransportConfig, VarInt,
};
use rustls::crypto::aws_lc_rs;
use socket2::{Domain, Protocol, Type};

use crate::identity::Identity;
use crate::network::endpoint_keys::EndpointKeys;
use crate::network::path_validation::PathRuntime;
use crate::network::udp_socket::Socket;

/// QUIC version 1 (RFC 9000) only; quinn would also speak the drafts.
const QUIC_VERSION: u32 = 1;

/// The system's buffers for the socket, in bytes. With the default size, packets are lost under load.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// A connection that is silent for this long is gone, on any path. Most losses are noticed far earlier, by
/// [`qchat_transfer::until_silent`].
const IDLE_TIME_MAX: VarInt = VarInt::from_u32(30_000);

/// After this long without a packet the client is asked for one, so that silence proves a loss. Our own
/// client sends something earlier.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Handshakes that may wait at a time, and the bytes buffered for all of them.
const INCOMING_MAX: usize = 512;
const INCOMING_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The bytes buffered for each: the rest of a ClientHello that came in several packets.
const INCOMING_BYTES_MAX_EACH: u64 = 8 * 1024;

/// The bytes of a handshake that may come out of order.
const HANDSHAKE_BYTES_MAX: usize = 8 * 1024;

/// The limits of a connection while nobody is signed in on it.
const SIGNED_OUT_COMMANDS_MAX: VarInt = VarInt::from_u32(2);
const SIGNED_OUT_FILES_MAX: VarInt = VarInt::from_u32(0);
const SIGNED_OUT_BYTES_MAX: VarInt = VarInt::from_u32(64 * 1024);
const SIGNED_OUT_SEND_BYTES_MAX: u64 = 16 * 1024;

/// The limits of a signed-in connection: 64 commands and 16 files.
const SIGNED_IN_COMMANDS_MAX: VarInt = VarInt::from_u32(64);
const SIGNED_IN_FILES_MAX: VarInt = VarInt::from_u32(16);

/// The window of a stream is fixed when the connection starts, so it is large enough for one fast file. The
/// window of the connection is the limit.
const STREAM_BYTES_MAX: VarInt = VarInt::from_u32(WINDOW_BYTES_MAX);

/// The shortest time between two stateless resets. After a restart, each connection of the earlier server
/// needs one, all at once. A reset is smaller than the packet that causes it, so it amplifies nothing.
/// quinn's own limit of one in 20 ms would let the two hundredth client wait for four seconds.
const RESET_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// The reason why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Another program uses the address.
    #[error("the address {0} (UDP) is in use by another program: choose another with --listen")]
    AddressInUse(SocketAddr),
    /// The operating system refuses the address.
    #[error("cannot listen on {address} (UDP): {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// The certificate and its key cannot be used.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// Binds the address. The IPv6 wildcard serves IPv4 as well.
pub(crate) fn bind(address: SocketAddr) -> Result<UdpSocket, EndpointError> {
    let socket = open(address);
    socket.map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => EndpointError::AddressInUse(address),
        _ => EndpointError::Bind { address, source },
    })
}

fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket =
        socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP));
    let socket = match socket {
        // A machine without IPv6 has IPv4 addresses only.
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            return open((Ipv4Addr::UNSPECIFIED, address.port()).into());
        }
        socket => socket?,
    };
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The system may give smaller buffers; that costs speed, not correctness.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Starts QUIC on the socket.
pub(crate) fn start(socket: UdpSocket, identity: &Identity) -> Result<Endpoint, EndpointError> {
    let keys = EndpointKeys::of(identity);
    let mut endpoint = EndpointConfig::new(keys.reset());
    endpoint.supported_versions(vec![QUIC_VERSION]);
    endpoint.cid_generator(keys.connection_ids()).min_reset_interval(RESET_INTERVAL_MIN);
    let local = socket.local_addr();
    let unbound = |source| EndpointError::Bind { address: ([0, 0, 0, 0], 0).into(), source };
    let address = local.map_err(unbound)?;
    let config = server_config(identity, &keys)?;
    let start = || {
        let socket = Arc::new(Socket::new(PathRuntime.wrap_udp_socket(socket)?));
        Endpoint::new_with_abstract_socket(endpoint, Some(config), socket, Arc::new(PathRuntime))
    };
    start().map_err(|source| EndpointError::Bind { address, source })
}

/// Uses another identity for handshakes that begin now. Established connections keep theirs.
pub(crate) fn use_identity(endpoint: &Endpoint, identity: &Identity) -> Result<(), EndpointError> {
    endpoint.set_server_config(Some(server_config(identity, &EndpointKeys::of(identity))?));
    Ok(())
}

/// The TLS configuration, built by hand: quinn's own constructor accepts 0-RTT data, which can be replayed,
/// and sets no ALPN.
fn server_config(identity: &Identity, keys: &EndpointKeys) -> Result<ServerConfig, EndpointError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    // Our clients resume no TLS session: each checks the key that the server has now.
    tls.send_tls13_tickets = 0;
    let no_cipher = |_| rustls::Error::General("no cipher suite for QUIC".to_owned());
    let mut config =
        ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls).map_err(no_cipher)?));
    config.token_key(keys.token());
    config.max_incoming(INCOMING_MAX);
    config.incoming_buffer_size(INCOMING_BYTES_MAX_EACH);
    config.incoming_buffer_size_total(INCOMING_BYTES_MAX);
    config.transport_config(Arc::new(transport()));
    Ok(config)
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    configure_transport(&mut transport);
    transport
        .max_idle_timeout(Some(IdleTimeout::from(IDLE_TIME_MAX)))
        .max_concurrent_bidi_streams(SIGNED_OUT_COMMANDS_MAX)
        .max_concurrent_uni_streams(SIGNED_OUT_FILES_MAX)
        .receive_window(SIGNED_OUT_BYTES_MAX)
        .stream_receive_window(STREAM_BYTES_MAX)
        .send_window(SIGNED_OUT_SEND_BYTES_MAX)
        .crypto_buffer_size(HANDSHAKE_BYTES_MAX)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .datagram_receive_buffer_size(None);
    transport
}

/// Raises the limits of a connection on which somebody has signed in.
pub(crate) fn raise_limits(connection: &quinn::Connection, windows: &ConnectionWindows) {
    connection.set_max_concurrent_bi_streams(SIGNED_IN_COMMANDS_MAX);
    connection.set_max_concurrent_uni_streams(SIGNED_IN_FILES_MAX);
    windows.manage();
}

/// Lowers the limits of a connection on which nobody is signed in any more. Streams that were allowed before
/// can still come.
pub(crate) fn lower_limits(connection: &quinn::Connection, windows: &ConnectionWindows) {
    windows.release();
    connection.set_max_concurrent_bi_streams(SIGNED_OUT_COMMANDS_MAX);
    connection.set_max_concurrent_uni_streams(SIGNED_OUT_FILES_MAX);
    connection.set_receive_window(SIGNED_OUT_BYTES_MAX);
    connection.set_send_window(SIGNED_OUT_SEND_BYTES_MAX);
}
