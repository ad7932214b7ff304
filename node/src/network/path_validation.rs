//! Finds out which address the peer of a connection has validated. Packets to any other address are limited.
//!
//! The handshake validates the first address. Later a peer may migrate (RFC 9000, section 9). quinn-proto then adds a
//! PATH_CHALLENGE to each packet to the new address, until the right response has come or the connection is back at
//! the old address. quinn reports no such event, but counts the challenges that it sends. So a packet without
//! a challenge shows that the address is validated. A peer cannot forge that: invented responses and
//! acknowledgements do not change the packets that quinn sends.
//!
//! This file becomes unnecessary if quinn reports a validated path (asked for in quinn-rs/quinn#1095, which is closed;
//! 0.11.12 has no such event), or if quinn-proto keeps the amplification limit itself (see `amplification.rs`).

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use quinn::{
    AsyncTimer, AsyncUdpSocket, Connecting, Connection, ConnectionError, Incoming, Runtime,
    TokioRuntime, UdpPoller,
};
use tokio::sync::Notify;

use crate::lock::lock;

tokio::task_local! {
    /// The path of the connection whose packets the current task sends, if any.
    static CURRENT_PATH: Arc<ValidatedPath>;
}

/// The address that a connection's peer has validated.
#[derive(Debug, Default)]
pub(crate) struct ValidatedPath {
    address: Mutex<Option<SocketAddr>>,
    /// Notified when a datagram was to be sent to another address.
    elsewhere: Notify,
    /// The number of times that the system could not take a packet at once.
    delays: AtomicU64,
}

/// Counts of sent frames.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PathFrames {
    challenges: u64,
    /// Frames of packets that would have carried a challenge.
    frames: u64,
    delays: u64,
}

impl ValidatedPath {
    /// Accepts a connection. Its address is not validated until the handshake is done.
    ///
    /// # Errors
    /// Those of [`Incoming::accept`].
    pub(crate) fn accept(incoming: Incoming) -> Result<(Arc<Self>, Connecting), ConnectionError> {
        let path = Arc::<Self>::default();
        // quinn spawns the connection's task within `accept`.
        let connecting = CURRENT_PATH.sync_scope(Arc::clone(&path), || incoming.accept());
        Ok((path, connecting?))
    }

    /// Whether the address is the validated one of the connection whose task is running.
    pub(crate) fn is_validated_for_task(address: SocketAddr) -> bool {
        let is_validated = CURRENT_PATH.try_with(|path| match *path.address() == Some(address) {
            true => true,
            false => {
                path.elsewhere.notify_one();
                false
            }
        });
        // A packet outside any connection goes to an address that is not validated.
        is_validated.unwrap_or(false)
    }

    /// Notes that the peer has validated the address.
    pub(crate) fn set_validated(&self, address: SocketAddr) {
        *self.address() = Some(address);
    }

    /// Follows the peer to each address that it validates from now on.
    ///
    /// # Cancel safety
    /// Cancel safe: dropping it only ends the following.
    pub(crate) async fn follow(&self, connection: &Connection) -> ! {
        let mut before = self.sent(connection);
        loop {
            self.elsewhere.notified().await;
            // The order matters: a connection that left a validated address in the meantime has sent a
            // challenge before its new address can be seen.
            let (sent, address) = (self.sent(connection), connection.remote_address());
            let after = self.sent(connection);
            let is_validated = sent.frames > before.frames
                && after.challenges == before.challenges
                && after.delays == before.delays
                // The last packets of a connection have no challenge in either case.
                && connection.close_reason().is_none();
            if is_validated {
                tracing::debug!(peer = %address, "the peer has validated its new address");
                self.set_validated(address);
            }
            before = after;
        }
    }

    fn sent(&self, connection: &Connection) -> PathFrames {
        let delays = self.delays.load(Ordering::Acquire);
        let frames = connection.stats().frame_tx;
        PathFrames {
            challenges: frames.path_challenge,
            frames: frames.acks.saturating_add(frames.stream),
            delays,
        }
    }

    fn address(&self) -> MutexGuard<'_, Option<SocketAddr>> {
        lock(&self.address)
    }
}

/// A runtime whose tasks know the connection for which quinn spawned them.
#[derive(Debug)]
pub(crate) struct PathRuntime;

impl Runtime for PathRuntime {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        match CURRENT_PATH.try_with(Arc::clone) {
            Ok(path) => TokioRuntime.spawn(Box::pin(CURRENT_PATH.scope(path, future))),
            Err(_) => TokioRuntime.spawn(future),
        }
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

/// Counts how often the system cannot take a packet at once. The connection may migrate between making such a
/// packet and sending it, so its counts prove nothing.
#[derive(Debug)]
pub(crate) struct PathPoller(pub(crate) Pin<Box<dyn UdpPoller>>);

impl UdpPoller for PathPoller {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.0.as_mut().poll_writable(context);
        if polled.is_pending() {
            // Tasks without a connection wait here as well; nothing is counted for them.
            let _ = CURRENT_PATH.try_with(|path| path.delays.fetch_add(1, Ordering::AcqRel));
        }
        polled
    }
}
