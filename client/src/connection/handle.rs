//! A connection, with the state that all calls on it share.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use qchat_proto::{TransferId, UserName, quic_codes};
use qchat_transfer::{ConnectionWindows, SilenceChecks, StreamPairing, WindowBudget, until_silent};
use quinn::{Endpoint, RecvStream, VarInt};
use tokio::time::{interval, sleep, timeout};

use crate::connection::closed_port::until_closed;
use crate::connection::dial::Dialled;
use crate::connection::drain::Drain;
use crate::connection::endpoint::Purpose;
use crate::connection::incoming_streams::take_files;
use crate::connection::route::Route;
use crate::connection::udp_socket::Socket;
use crate::error::NoAnswer;
use crate::lock::lock;

/// How long closing may take.
const CLOSE_MAX: Duration = Duration::from_secs(1);

/// How long the goodbye may take to leave this machine.
const LEAVE_MAX: Duration = Duration::from_millis(20);

/// How often closing checks whether the server has heard the goodbye.
const CLOSE_POLL: Duration = Duration::from_millis(1);

/// How long the message about a closed port is waited for.
const CLOSED_PORT_MAX: Duration = Duration::from_secs(1);

/// The budget of both windows beyond their small minimum: as much as they can use.
const WINDOWS_MEBIBYTES: u16 = 32;

/// The connection of a client.
pub(crate) struct Connection {
    endpoint: Endpoint,
    pub(crate) quic: quinn::Connection,
    /// The downloads that wait for their files.
    pub(crate) files: Arc<StreamPairing<RecvStream>>,
    /// The bytes of files that may be in memory.
    pub(crate) windows: Arc<ConnectionWindows>,
    pub(crate) purpose: Purpose,
    pub(crate) route: Route,
    /// Whether the server may have other machines, to be reached at other addresses.
    pub(crate) has_others: bool,
    pub(crate) drain: Drain,
    transfers: AtomicU64,
    user: Mutex<Option<UserName>>,
    /// Whether this side has closed the connection on purpose.
    is_closed_here: AtomicBool,
}

impl Connection {
    pub(crate) fn new(dialled: Dialled) -> Self {
        let Dialled { endpoint, socket, connection: quic, purpose, route, has_others, .. } =
            dialled;
        let files = Arc::new(StreamPairing::default());
        // These tasks end with the QUIC connection, which ends when this value is dropped.
        if has_others {
            tokio::spawn(close_at_closed_port(quic.clone(), Arc::clone(&socket)));
        }
        let checks = if has_others { SilenceChecks::Many } else { SilenceChecks::Few };
        tokio::spawn(close_when_silent(quic.clone(), checks));
        tokio::spawn(socket.insist(quic.clone()));
        tokio::spawn(take_files(quic.clone(), Arc::clone(&files)));
        let budget = WindowBudget::of_mebibytes(WINDOWS_MEBIBYTES);
        let windows = ConnectionWindows::new(quic.clone(), budget);
        windows.manage();
        let (transfers, user) = (AtomicU64::new(1), Mutex::default());
        Self {
            endpoint,
            quic,
            files,
            windows,
            purpose,
            route,
            has_others,
            drain: Drain::new(has_others),
            transfers,
            user,
            is_closed_here: AtomicBool::new(false),
        }
    }

    /// A transfer number that was not used on this connection before.
    pub(crate) fn new_transfer(&self) -> TransferId {
        TransferId(self.transfers.fetch_add(1, Ordering::Relaxed))
    }

    pub(crate) fn user(&self) -> Option<UserName> {
        lock(&self.user).clone()
    }

    pub(crate) fn set_user(&self, user: Option<UserName>) {
        *lock(&self.user) = user;
    }

    /// The reason why the connection has ended.
    pub(crate) fn end(&self) -> Option<NoAnswer> {
        self.quic.close_reason().map(NoAnswer::from)
    }

    /// Whether the server shuts down. The connection may be open, for calls that were begun before.
    pub(crate) fn is_draining(&self) -> bool {
        self.drain.is_begun() || self.end() == Some(NoAnswer::ShuttingDown)
    }

    /// Whether this side has closed the connection on purpose.
    pub(crate) fn is_closed_here(&self) -> bool {
        self.is_closed_here.load(Ordering::Relaxed)
    }

    fn say_goodbye(&self) {
        self.is_closed_here.store(true, Ordering::Relaxed);
        self.quic.close(VarInt::from_u32(quic_codes::GOODBYE), b"");
    }

    /// Says goodbye, and waits until the server has heard it or has had the time to.
    pub(crate) async fn close(&self) {
        self.say_goodbye();
        let idle_or_heard = async {
            tokio::select! {
                () = self.endpoint.wait_idle() => {}
                () = self.goodbye_returned() => {}
            }
        };
        // If the answer would come too late, it is enough that the goodbye has left.
        let is_near = self.quic.rtt() < CLOSE_MAX;
        let _ = timeout(if is_near { CLOSE_MAX } else { LEAVE_MAX }, idle_or_heard).await;
    }

    /// Waits for the CONNECTION_CLOSE frame by which the server answers (RFC 9000, section 10.2.2). quinn shows
    /// it only in its counters. Waiting until the connection is idle would be simpler, but takes three probe
    /// timeouts: 80 ms of every one-shot command, even on loopback.
    async fn goodbye_returned(&self) {
        let mut poll = interval(CLOSE_POLL);
        while self.quic.stats().frame_rx.connection_close == 0 {
            poll.tick().await;
        }
    }
}

/// Closes a connection on which nothing is received any more. Ends with the connection.
async fn close_when_silent(quic: quinn::Connection, checks: SilenceChecks) {
    tokio::select! {
        _ = quic.closed() => {}
        () = until_silent(&quic, checks) => quic.close(VarInt::from_u32(quic_codes::TOO_SLOW), b""),
    }
}

/// Closes a connection whose server's port is closed, if packets are not answered. Another machine is there for the
/// client, so there is no reason to wait whether this one comes back. Ends with the connection.
async fn close_at_closed_port(quic: quinn::Connection, socket: Arc<Socket>) {
    loop {
        tokio::select! {
            _ = quic.closed() => return,
            () = socket.is_unanswered() => {}
        }
        tokio::select! {
            _ = quic.closed() => return,
            () = sleep(CLOSED_PORT_MAX) => {}
            () = until_closed(quic.remote_address()) => {
                return quic.close(VarInt::from_u32(quic_codes::TOO_SLOW), b"");
            }
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.say_goodbye();
    }
}
