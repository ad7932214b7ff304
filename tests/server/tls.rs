//! Forbidden handshakes: other versions, no protocol name, and early data.

use std::net::UdpSocket;
use std::sync::Arc;

use qchat_proto::command::{Login, Register};
use qchat_proto::{ALPN, ClientId};
use quinn::crypto::ClientConfig;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, TransportErrorCode};

use crate::harness::{
    Change, ChangedHandshake, DEADLINE, PASSWORD, RawConnection, Server, in_time, tls,
};

/// TLS alerts (RFC 8446, section 6).
const PROTOCOL_VERSION: u8 = 70;
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Checks that the server ended the handshake with this alert.
#[track_caller]
fn check_refused(connected: Result<RawConnection, ConnectionError>, alert: u8) {
    match connected.map(drop) {
        Err(ConnectionError::ConnectionClosed(close)) => {
            assert_eq!(close.error_code, TransportErrorCode::crypto(alert), "{close}");
        }
        other => panic!("not refused by the server: {other:?}"),
    }
}

#[tokio::test]
async fn a_client_without_the_protocol_name_is_refused() {
    let server = Server::start();
    for protocols in [&[][..], &["h3"], &["qchat/2"], &["qchat", "h3"]] {
        let mut tls = tls(&server);
        tls.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        check_refused(RawConnection::with_tls(&server, tls).await, NO_APPLICATION_PROTOCOL);
    }
    assert!(RawConnection::with_alpn(&server, ALPN).await.is_ok());
}

#[tokio::test]
async fn early_data_is_not_accepted() {
    let server = Server::start();
    let mut tls = tls(&server);
    tls.enable_early_data = true;
    let crypto: Arc<dyn ClientConfig> = Arc::new(QuicClientConfig::try_from(tls).unwrap());
    let first = RawConnection::with_crypto(&server, Arc::clone(&crypto)).await.unwrap();
    // After an answer the client has the session tickets of this connection.
    let (user, password) = ("alice".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    first.ask(Register { id: ClientId::random(), user, password }).await.unwrap();
    let (user, password) = ("alice".parse().unwrap(), PASSWORD.to_owned().try_into().unwrap());
    first.ask(Login { user, password }).await.unwrap();

    let endpoint = Endpoint::client("127.0.0.1:0".parse().unwrap()).unwrap();
    let config = quinn::ClientConfig::new(crypto);
    let connecting = endpoint.connect_with(config, server.address, "localhost").unwrap();
    match connecting.into_0rtt() {
        Err(connecting) => drop(in_time(connecting).await.unwrap()),
        Ok((_connection, accepted)) => {
            panic!("the server invites early data; accepted: {}", in_time(accepted).await);
        }
    }
}

/// The beginning of the `supported_versions` extension of a ClientHello for TLS 1.3 only (RFC 8446, section
/// 4.2.1), without the last byte of the version.
const SUPPORTED_VERSIONS: [u8; 6] = [0, 43, 0, 3, 2, 3];

/// The last byte of each version.
const TLS_1_3: u8 = 4;
const TLS_1_2: u8 = 3;

/// Offers only one version of TLS.
fn with_version(inner: Arc<QuicClientConfig>, version: u8) -> impl ClientConfig {
    let change = move || -> Change {
        // Only the first flight has the versions.
        let mut offered = Some(version);
        Box::new(move |flight, keys| {
            if let Some(version) = offered.take() {
                let length = SUPPORTED_VERSIONS.len();
                let mut windows = flight.windows(length);
                let found = windows.position(|window| window == SUPPORTED_VERSIONS);
                flight[found.expect("a ClientHello") + length] = version;
            }
            keys
        })
    };
    ChangedHandshake { inner, change }
}

#[tokio::test]
async fn a_client_that_offers_only_tls_1_2_is_refused() {
    let server = Server::start();
    let speaking = |version| {
        let crypto = Arc::new(QuicClientConfig::try_from(tls(&server)).unwrap());
        RawConnection::with_crypto(&server, Arc::new(with_version(crypto, version)))
    };
    check_refused(speaking(TLS_1_2).await, PROTOCOL_VERSION);
    assert!(speaking(TLS_1_3).await.is_ok());
}

/// The first packet of a client with this version of QUIC. It has the fields that a server reads of an
/// unknown version (RFC 8999, section 5.1).
fn first_packet(version: u32) -> Vec<u8> {
    let mut packet = vec![0xc3];
    packet.extend(version.to_be_bytes());
    packet.extend([8, 1, 2, 3, 4, 5, 6, 7, 8]);
    packet.extend([8, 11, 12, 13, 14, 15, 16, 17, 18]);
    packet.resize(1200, 0);
    packet
}

/// The versions in a version negotiation packet, without the reserved ones (RFC 9287).
fn named_versions(packet: &[u8]) -> Vec<u32> {
    assert_eq!(packet[1..5], [0; 4], "no version negotiation: {packet:?}");
    let versions = packet[23..].chunks(4).map(|four| u32::from_be_bytes(four.try_into().unwrap()));
    versions.filter(|version| version & 0x0f0f_0f0f != 0x0a0a_0a0a).collect()
}

#[test]
fn other_versions_of_quic_are_answered_with_version_1_only() {
    let server = Server::start();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    for version in [0xff00_001d, 0xff00_0020, 0x6b33_43cf, 2] {
        socket.send_to(&first_packet(version), server.address).unwrap();
        let mut answer = [0; 2048];
        let length = socket.recv(&mut answer).expect("an answer");
        assert_eq!(named_versions(&answer[..length]), [1], "{version:x}");
    }
}
