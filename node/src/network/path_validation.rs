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
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use quinn::{
    AsyncTimer, AsyncUdpSocket, Connecting, Connection, ConnectionError, Incoming, Runtime,
    TokioRuntime, UdpPoller,
};
use tokio::sync::Notify;

tokio::task_local! {
    /// Of the connection whose packets the current task sends, if any.
    static PROOF: Arc<ValidatedPath>;
}

/// Which address a connection's peer has proven.
#[derive(Debug, Default)]
pub(crate) struct ValidatedPath {
    address: Mutex<Option<SocketAddr>>,
    /// Something was to be sent to another address.
    elsewhere: Notify,
    /// How often the system could not take a packet at once.
    delays: AtomicU64,
}

/// Counts what a connection has sent.
#[derive(Clone, Copy, PartialEq, Eq)]
struct PathFrames {
    challenges: u64,
    /// Frames of packets that would have had a challenge.
    frames: u64,
    delays: u64,
}

impl ValidatedPath {
    /// Accepts a connection. Nothing is proven till its handshake is done.
    ///
    /// # Errors
    /// Those of [`Incoming::accept`].
    pub(crate) fn accept(incoming: Incoming) -> Result<(Arc<Self>, Connecting), ConnectionError> {
        let proof = Arc::<Self>::default();
        // quinn makes the connection's task at once.
        let connecting = PROOF.sync_scope(Arc::clone(&proof), || incoming.accept());
        Ok((proof, connecting?))
    }

    /// Whether what the current task sends there is its peer's to receive.
    pub(crate) fn holds_for(address: SocketAddr) -> bool {
        let proven = PROOF.try_with(|proof| match *proof.address() == Some(address) {
            true => true,
            false => {
                proof.elsewhere.notify_one();
                false
            }
        });
        // A packet of no connection goes to somebody who has proven nothing.
        proven.unwrap_or(false)
    }

    /// Notes that the peer has proven the address.
    pub(crate) fn set(&self, address: SocketAddr) {
        *self.address() = Some(address);
    }

    /// Follows the peer to each address that it proves from now on.
    ///
    /// # Cancel safety
    /// It may be dropped at any time, and follows no more.
    pub(crate) async fn follow(&self, connection: &Connection) -> ! {
        let mut before = self.sent(connection);
        loop {
            self.elsewhere.notified().await;
            // In this order: a connection that moved away from a proven address in the meantime has sent a
            // challenge before its new address can be seen.
            let (sent, address) = (self.sent(connection), connection.remote_address());
            let after = self.sent(connection);
            let is_proven = sent.frames > before.frames
                && after.challenges == before.challenges
                && after.delays == before.delays
                // The last packets of a connection have no challenge either way.
                && connection.close_reason().is_none();
            if is_proven {
                tracing::debug!(peer = %address, "the peer has proven its new address");
                self.set(address);
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
        self.address.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets the tasks that quinn makes know of whose connection they are.
#[derive(Debug)]
pub(crate) struct PathRuntime;

impl Runtime for PathRuntime {
    fn new_timer(&self, at: std::time::Instant) -> Pin<Box<dyn AsyncTimer>> {
        TokioRuntime.new_timer(at)
    }

    fn spawn(&self, future: Pin<Box<dyn Future<Output = ()> + Send>>) {
        match PROOF.try_with(Arc::clone) {
            Ok(proof) => TokioRuntime.spawn(Box::pin(PROOF.scope(proof, future))),
            Err(_) => TokioRuntime.spawn(future),
        }
    }

    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        TokioRuntime.wrap_udp_socket(socket)
    }
}

/// Counts how often the system cannot take a packet at once: a connection may move between making and sending it,
/// and its counts tell nothing.
#[derive(Debug)]
pub(crate) struct PathPoller(pub(crate) Pin<Box<dyn UdpPoller>>);

impl UdpPoller for PathPoller {
    fn poll_writable(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.0.as_mut().poll_writable(context);
        if polled.is_pending() {
            // Also by others than a connection, for which nothing is counted.
            let _ = PROOF.try_with(|proof| proof.delays.fetch_add(1, Ordering::AcqRel));
        }
        polled
    }
}
