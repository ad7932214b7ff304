//! Reaching a server under one of its addresses.

use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::{Fingerprint, quic_codes};
use quinn::{ConnectionError, Endpoint, TransportErrorCode};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::address::ServerAddress;
use crate::connection::endpoint::{Purpose, client_config, endpoint_for, provider};
use crate::connection::udp_socket::Socket;
use crate::error::{ConnectError, in_one_line};
use crate::trust::{Rule, Verifier};

/// How long connecting may take, with the resolving of names: enough for a slow path with a queue of many
/// seconds.
pub(crate) const CONNECT_MAX: Duration = Duration::from_secs(30);

/// After this long without a packet from the server, a second handshake begins beside the first, and the next
/// after twice as long. QUIC repeats unanswered packets less and less often, and a server that has come back is
/// to be found soon. While packets come, no other handshake begins: on a slow path it would only lengthen
/// the queue.
const SILENCE: Duration = Duration::from_secs(7);

/// After this long without an answer, the next address is tried beside the earlier ones. The least that
/// RFC 8305 (section 8) allows: a server that listens on one IP version only is common here, and
/// every one-shot command pays for it.
const STAGGER: Duration = Duration::from_millis(100);

/// The most addresses of a server that are tried.
const ADDRESSES_MAX: usize = 6;

/// TLS's alert if the sides have no application protocol in common (RFC 7301, section 3.2).
const NO_APPLICATION_PROTOCOL: u8 = 120;

/// A connection to a server whose identity was accepted.
pub(crate) struct Dialled {
    pub(crate) endpoint: Endpoint,
    /// The UDP socket of the endpoint.
    pub(crate) socket: Arc<Socket>,
    pub(crate) connection: quinn::Connection,
    /// The server's key.
    pub(crate) key: Fingerprint,
    pub(crate) purpose: Purpose,
}

/// Connects to the first of the server's addresses that answers, within `limit`. A refused identity
/// ends the race.
pub(crate) async fn dial(
    server: &ServerAddress,
    rule: &Arc<Rule>,
    purpose: Purpose,
    limit: Duration,
) -> Result<Dialled, ConnectError> {
    // QUIC ignores the ICMP message of a closed port, which can be forged (RFC 9000, section 14.2.1). So only
    // the time decides.
    let connecting = async { race(server, addresses(server).await?, rule, purpose).await };
    timeout(limit, connecting).await.unwrap_or_else(|_| {
        let reason = format!("no answer within {} s", limit.as_secs());
        Err(ConnectError::Unreachable { server: server.clone(), reason })
    })
}

async fn race(
    server: &ServerAddress,
    addresses: Vec<SocketAddr>,
    rule: &Arc<Rule>,
    purpose: Purpose,
) -> Result<Dialled, ConnectError> {
    let mut waiting = addresses.into_iter();
    let mut attempts = JoinSet::new();
    let mut failure = ConnectError::Wildcard { server: server.clone() };
    loop {
        if let Some(address) = waiting.next() {
            attempts.spawn(attempt(server.clone(), address, Arc::clone(rule), purpose));
        }
        tokio::select! {
            ended = attempts.join_next() => match ended {
                None => return Err(failure),
                Some(Ok(Ok(dialled))) => return Ok(dialled),
                Some(Ok(Err(refused @ ConnectError::Identity(_)))) => return Err(refused),
                Some(Ok(Err(error))) => failure = error,
                Some(Err(panic)) => failure = ConnectError::Local(panic.to_string()),
            },
            () = sleep(STAGGER), if waiting.len() > 0 => {}
        }
    }
}

/// The server's addresses, IP versions in turn (RFC 8305, section 4), the resolver's favourite first.
async fn addresses(server: &ServerAddress) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = lookup_host((server.host(), server.port())).await.map_err(|error| {
        ConnectError::Resolve { server: server.clone(), reason: Arc::new(error) }
    })?;
    let found: Vec<_> = found.filter(|address| !address.ip().is_unspecified()).collect();
    match found.is_empty() {
        true => Err(ConnectError::Wildcard { server: server.clone() }),
        false => Ok(in_turn(found)),
    }
}

fn in_turn(found: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let favourite = found.first().is_some_and(SocketAddr::is_ipv6);
    let (mut one, mut other): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|address| address.is_ipv6() == favourite);
    one.reverse();
    other.reverse();
    let mut turns = Vec::new();
    while turns.len() < ADDRESSES_MAX {
        let before = turns.len();
        turns.extend(one.pop());
        turns.extend(other.pop());
        if turns.len() == before {
            break;
        }
    }
    turns
}

async fn attempt(
    server: ServerAddress,
    address: SocketAddr,
    rule: Arc<Rule>,
    purpose: Purpose,
) -> Result<Dialled, ConnectError> {
    let verifier = Arc::new(Verifier::new(server.clone(), rule, provider()));
    let config = client_config(purpose, Arc::clone(&verifier)).map_err(local)?;
    let (endpoint, socket) = endpoint_for(purpose, address).map_err(local)?;
    let mut handshakes = JoinSet::new();
    let mut silence = SILENCE;
    loop {
        let connecting = endpoint.connect_with(config.clone(), address, server.host());
        handshakes.spawn(connecting.map_err(local)?);
        let ended = tokio::select! {
            Some(ended) = handshakes.join_next() => ended,
            () = socket.is_silent_for(silence) => {
                silence *= 2;
                continue;
            }
        };
        return match (ended.map_err(local)?, verifier.judgement()) {
            (Ok(connection), Some(Ok(key))) => {
                Ok(Dialled { endpoint, socket, connection, key, purpose })
            }
            (_, Some(Err(refused))) => Err(refused.into()),
            (Ok(_), None) => Err(ConnectError::Local("TLS judged no certificate".to_owned())),
            // The caller's limit ends the attempt, not the idle timeout.
            (Err(ConnectionError::TimedOut), _) => continue,
            (Err(error), _) => Err(no_connection(server, &error)),
        };
    }
}

fn local(error: impl Display) -> ConnectError {
    ConnectError::Local(error.to_string())
}

fn no_connection(server: ServerAddress, error: &ConnectionError) -> ConnectError {
    let no_protocol = TransportErrorCode::crypto(NO_APPLICATION_PROTOCOL);
    let reason = match error {
        ConnectionError::ConnectionClosed(close) if close.error_code == no_protocol => {
            "it does not speak this version of qchat".to_owned()
        }
        ConnectionError::ConnectionClosed(close)
            if close.error_code == TransportErrorCode::CONNECTION_REFUSED =>
        {
            "it takes no more connections at the moment".to_owned()
        }
        ConnectionError::ApplicationClosed(close)
            if close.error_code == quic_codes::SHUTTING_DOWN.into() =>
        {
            "it is shutting down".to_owned()
        }
        ConnectionError::ApplicationClosed(close)
            if close.error_code == quic_codes::FULL.into() =>
        {
            "it takes no more connections at the moment".to_owned()
        }
        _ => in_one_line(error),
    };
    ConnectError::Handshake { server, reason, is_transient: is_transient(error) }
}

/// Whether the server may accept a connection soon. A disagreement of TLS or QUIC versions stays.
fn is_transient(error: &ConnectionError) -> bool {
    // The errors of TLS (RFC 9001, section 4.8).
    let is_of_tls = |code: TransportErrorCode| (0x100..0x200).contains(&u64::from(code));
    match error {
        ConnectionError::VersionMismatch => false,
        ConnectionError::TransportError(error) => !is_of_tls(error.code),
        ConnectionError::ConnectionClosed(close) => !is_of_tls(close.error_code),
        _ => true,
    }
}

#[cfg(test)]
mod tests;
