//! Reaching a server at one of its addresses.

use std::fmt::Display;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use qchat_proto::{Fingerprint, quic_codes};
use quinn::{ConnectionError, Endpoint, TransportErrorCode};
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::address::{ServerAddress, ServerAddresses};
use crate::connection::closed_port::until_closed;
use crate::connection::endpoint::{Purpose, client_config, endpoint_for, provider};
use crate::connection::race::{Hopeless, race};
use crate::connection::route::{Preference, Route};
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

/// After this long without an answer, the next IP address of a name is tried beside the earlier ones. The least that
/// RFC 8305 (section 8) allows: a server that listens on one IP version only is common here, and
/// every one-shot command pays for it.
const STAGGER: Duration = Duration::from_millis(100);

/// The same for the next address of a list: the usual time of RFC 8305, since each handshake costs a server some
/// work.
const STAGGER_OF_LIST: Duration = Duration::from_millis(250);

/// The most IP addresses of a name that are tried.
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
    pub(crate) route: Route,
    /// Whether the server may have other machines, to be reached at other addresses.
    pub(crate) has_others: bool,
}

/// One connecting to a server.
#[derive(Debug, Clone)]
pub(crate) struct Dial {
    pub(crate) server: ServerAddresses,
    pub(crate) preference: Preference,
    pub(crate) rule: Arc<Rule>,
    pub(crate) purpose: Purpose,
}

/// The time after which an attempt has begun at the last address of a list.
pub(crate) fn all_begun_after(server: &ServerAddresses) -> Duration {
    let others = u32::try_from(server.iter().skip(1).count()).unwrap_or(u32::MAX);
    STAGGER_OF_LIST.saturating_mul(others)
}

impl Dial {
    /// Connects to the first of the server's addresses that answers, within `limit`. A refused identity
    /// ends the race.
    pub(crate) async fn connect(self, limit: Duration) -> Result<Dialled, ConnectError> {
        let server = self.server.clone();
        timeout(limit, self.race()).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", limit.as_secs());
            Err(ConnectError::Unreachable { server, reason })
        })
    }

    /// Tries the addresses of the list.
    async fn race(self) -> Result<Dialled, ConnectError> {
        let addresses = self.preference.order(&self.server);
        let dial = Arc::new(self);
        let attempt = |address, hopeless| Arc::clone(&dial).reach(address, hopeless);
        let won = race(addresses, STAGGER_OF_LIST, &Hopeless::unheard(), attempt).await;
        won.map_err(|failure| failure.unwrap_or_else(|| wildcard(dial.server.first())))
    }

    /// Tries the IP addresses of one address of the list.
    async fn reach(
        self: Arc<Self>,
        address: ServerAddress,
        hopeless: Hopeless,
    ) -> Result<Dialled, ConnectError> {
        let mut ips = resolve(&address).await?;
        self.preference.order_ips(&mut ips);
        let has_others = self.server.are_several() || are_machines(&ips);
        let attempt = |ip, hopeless: Hopeless| {
            let (dial, route) = (Arc::clone(&self), Route::new(address.clone(), ip));
            async move {
                let mut handshake = pin!(attempt(route, &dial, has_others));
                // Of one machine the ICMP messages are not heard: there, only the time decides.
                tokio::select! {
                    ended = &mut handshake => return ended,
                    () = until_closed(ip), if has_others => hopeless.tell(),
                }
                handshake.await
            }
        };
        let won = race(ips, STAGGER, &hopeless, attempt).await;
        won.map_err(|failure| failure.unwrap_or_else(|| wildcard(&address)))
    }
}

/// The IP addresses of a name, IP versions in turn (RFC 8305, section 4), the resolver's favourite first.
async fn resolve(server: &ServerAddress) -> Result<Vec<SocketAddr>, ConnectError> {
    let found = lookup_host((server.host(), server.port())).await.map_err(|error| {
        ConnectError::Resolve { server: server.clone(), reason: Arc::new(error) }
    })?;
    let found: Vec<_> = found.filter(|address| !address.ip().is_unspecified()).collect();
    match found.is_empty() {
        true => Err(wildcard(server)),
        false => Ok(in_turn(found)),
    }
}

fn wildcard(server: &ServerAddress) -> ConnectError {
    ConnectError::Wildcard { server: server.clone() }
}

/// Whether there are two addresses of one IP version. One address of each is usual for a single machine.
fn are_machines(ips: &[SocketAddr]) -> bool {
    let of_version_6 = ips.iter().filter(|ip| ip.is_ipv6()).count();
    of_version_6 > 1 || ips.len().saturating_sub(of_version_6) > 1
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

async fn attempt(route: Route, dial: &Dial, has_others: bool) -> Result<Dialled, ConnectError> {
    let (server, ip, purpose) = (route.server().clone(), route.ip(), dial.purpose);
    let verifier = Arc::new(Verifier::new(server.clone(), Arc::clone(&dial.rule), provider()));
    let config = client_config(purpose, Arc::clone(&verifier)).map_err(local)?;
    let (endpoint, socket) = endpoint_for(purpose, ip).map_err(local)?;
    let mut handshakes = JoinSet::new();
    let mut silence = SILENCE;
    loop {
        let connecting = endpoint.connect_with(config.clone(), ip, server.host());
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
                Ok(Dialled { endpoint, socket, connection, key, purpose, route, has_others })
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
