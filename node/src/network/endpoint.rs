//! The UDP socket, TLS and QUIC below everything else.

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

/// QUIC version 1 (RFC 9000) alone; quinn would also speak the drafts.
const QUIC_VERSION: u32 = 1;

/// What the system may buffer for the socket, in bytes. With its default, packets are lost under load.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// A connection that is silent for this long is gone, whatever its path. Mostly that is noticed far earlier, by
/// [`qchat_transfer::until_silent`].
const IDLE_TIME_MAX: VarInt = VarInt::from_u32(30_000);

/// After this long without a packet the client is asked for one, so that its silence tells something. Our own
/// client says something earlier.
const KEEP_ALIVE: Duration = Duration::from_secs(2);

/// Handshakes that may wait at a time, and the bytes buffered for all of them.
const INCOMING_MAX: usize = 512;
const INCOMING_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// And for each: the rest of a greeting that came in several packets.
const INCOMING_BYTES_MAX_EACH: u64 = 8 * 1024;

/// What may have come of a handshake out of turn, in bytes.
const HANDSHAKE_BYTES_MAX: usize = 8 * 1024;

/// What one connection may have under way while nobody is signed in on it.
const STRANGER_COMMANDS_MAX: VarInt = VarInt::from_u32(2);
const STRANGER_FILES_MAX: VarInt = VarInt::from_u32(0);
const STRANGER_BYTES_MAX: VarInt = VarInt::from_u32(64 * 1024);
const STRANGER_SEND_BYTES_MAX: u64 = 16 * 1024;

/// And after that: 64 commands and 16 files.
const SIGNED_COMMANDS_MAX: VarInt = VarInt::from_u32(64);
const SIGNED_FILES_MAX: VarInt = VarInt::from_u32(16);

/// One stream's window is fixed when the connection starts, so it is large enough for one fast file;
/// the connection's window is the brake.
const STREAM_BYTES_MAX: VarInt = VarInt::from_u32(WINDOW_BYTES_MAX);

/// After a restart each connection of the old server asks for a reset, all at once. A reset is smaller
/// than the packet that asks for it, so answering many amplifies nothing; quinn's own limit of one in
/// 20 ms would keep the two hundredth client waiting for four seconds.
const RESET_INTERVAL_MIN: Duration = Duration::from_millis(1);

/// Why the server cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Another program has the address.
    #[error("the address {0} (UDP) is in use by another program: choose another with --listen")]
    AddressInUse(SocketAddr),
    /// The operating system does not give us the address.
    #[error("cannot listen on {address} (UDP): {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// The certificate and its key cannot be used.
    #[error("cannot use the certificate: {0}")]
    Tls(#[from] rustls::Error),
}

/// Takes the address. An IPv6 wildcard serves IPv4 as well.
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
        // A machine without IPv6: its addresses are all IPv4.
        Err(_) if address.ip() == Ipv6Addr::UNSPECIFIED => {
            return open((Ipv4Addr::UNSPECIFIED, address.port()).into());
        }
        socket => socket?,
    };
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // The system may give less; that costs speed, not correctness.
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
    let config = server(identity, &keys)?;
    let start = || {
        let socket = Arc::new(Socket::new(PathRuntime.wrap_udp_socket(socket)?));
        Endpoint::new_with_abstract_socket(endpoint, Some(config), socket, Arc::new(PathRuntime))
    };
    start().map_err(|source| EndpointError::Bind { address, source })
}

/// Shows another identity in handshakes that begin now. Connections that stand are not touched.
pub(crate) fn show(endpoint: &Endpoint, identity: &Identity) -> Result<(), EndpointError> {
    endpoint.set_server_config(Some(server(identity, &EndpointKeys::of(identity))?));
    Ok(())
}

/// Built by hand: quinn's own constructor accepts 0-RTT data, which can be replayed, and asks for no
/// protocol name.
fn server(identity: &Identity, keys: &EndpointKeys) -> Result<ServerConfig, EndpointError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(identity.chain(), identity.key())?;
    tls.alpn_protocols = vec![ALPN.to_vec()];
    tls.max_early_data_size = 0;
    // Our clients resume no TLS session: each judges the key that the server has now.
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
        .max_concurrent_bidi_streams(STRANGER_COMMANDS_MAX)
        .max_concurrent_uni_streams(STRANGER_FILES_MAX)
        .receive_window(STRANGER_BYTES_MAX)
        .stream_receive_window(STREAM_BYTES_MAX)
        .send_window(STRANGER_SEND_BYTES_MAX)
        .crypto_buffer_size(HANDSHAKE_BYTES_MAX)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .datagram_receive_buffer_size(None);
    transport
}

/// Raises what a connection may have under way: somebody has signed in on it.
pub(crate) fn raise_limits(connection: &quinn::Connection, windows: &ConnectionWindows) {
    connection.set_max_concurrent_bi_streams(SIGNED_COMMANDS_MAX);
    connection.set_max_concurrent_uni_streams(SIGNED_FILES_MAX);
    windows.manage();
}

/// Lowers it again: nobody is signed in any more. What was allowed before can still come.
pub(crate) fn lower_limits(connection: &quinn::Connection, windows: &ConnectionWindows) {
    windows.release();
    connection.set_max_concurrent_bi_streams(STRANGER_COMMANDS_MAX);
    connection.set_max_concurrent_uni_streams(STRANGER_FILES_MAX);
    connection.set_receive_window(STRANGER_BYTES_MAX);
    connection.set_send_window(STRANGER_SEND_BYTES_MAX);
}
