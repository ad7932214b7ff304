//! The UDP socket of a client as quinn sees it. It makes sure that a silent server may answer.
//!
//! A router may give an idle client another port. Then the amplification limit holds for the new address: the
//! server may send at most three times the bytes that came from there (RFC 9000, section 8.1). It validates the
//! address with 1,200 bytes. A client that repeats packets of 30 bytes would wait long for that. So a small
//! packet is repeated in a larger datagram: the server's QUIC drops the copy, but its bytes count.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use crate::lock::lock;

/// The least silence after which an answer is waited for.
const SILENCE_MIN: Duration = Duration::from_millis(200);

/// A third of the largest datagram that the server needs: a probe for the MTU of Ethernet.
const LARGER_BYTES: usize = 500;

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    traffic: Mutex<Traffic>,
    /// Something was sent after a silence.
    asked: Notify,
    /// That was not answered.
    unanswered: Notify,
}

#[derive(Debug, Default)]
struct Traffic {
    received: Option<Instant>,
    /// An answer is waited for.
    is_awaited: bool,
    /// The last small packet, and its destination.
    small: Option<(SocketAddr, Vec<u8>)>,
}

impl Socket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> Self {
        let (asked, unanswered) = (Notify::new(), Notify::new());
        Self { inner, traffic: Mutex::default(), asked, unanswered }
    }

    /// Waits until nothing was received for this long.
    pub(crate) async fn is_silent_for(&self, time: Duration) {
        loop {
            let before = self.traffic().received;
            sleep(time).await;
            if self.traffic().received == before {
                return;
            }
        }
    }

    /// Waits until a packet is not answered in the usual time.
    ///
    /// # Cancel safety
    /// Cancel safe. Only one task may wait.
    pub(crate) async fn is_unanswered(&self) {
        self.unanswered.notified().await;
    }

    /// Sends the server more bytes if it does not answer, until the connection ends.
    pub(crate) async fn insist(self: Arc<Self>, connection: quinn::Connection) {
        loop {
            tokio::select! {
                _ = connection.closed() => return,
                () = self.asked.notified() => {}
            }
            let patience = SILENCE_MIN.max(connection.rtt().mul_f32(1.5));
            tokio::select! {
                _ = connection.closed() => return,
                () = self.await_answer(patience) => {}
            }
        }
    }

    /// Waits for an answer, and repeats the last small packet in a larger datagram while none comes, each time
    /// after twice as long: a slow path has no capacity for more.
    async fn await_answer(&self, patience: Duration) {
        let (begun, mut pause) = (Instant::now(), patience);
        loop {
            sleep(pause).await;
            let mut traffic = self.traffic();
            if traffic.received.is_some_and(|received| received >= begun) {
                traffic.is_awaited = false;
                return;
            }
            drop(traffic);
            self.unanswered.notify_one();
            self.repeat_larger();
            pause = pause.saturating_mul(2);
        }
    }

    fn repeat_larger(&self) {
        let Some((destination, mut contents)) = self.traffic().small.clone() else { return };
        contents.resize(LARGER_BYTES, 0);
        let (ecn, segment_size, src_ip) = (None, None, None);
        let larger = Transmit { destination, ecn, contents: &contents, segment_size, src_ip };
        // If the system cannot take it now, the next repetition may succeed.
        let _ = self.inner.try_send(&larger);
    }

    fn traffic(&self) -> MutexGuard<'_, Traffic> {
        lock(&self.traffic)
    }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.inner.try_send(transmit)?;
        let mut traffic = self.traffic();
        if transmit.contents.len() < LARGER_BYTES {
            let (destination, packet) =
                traffic.small.get_or_insert_with(|| (transmit.destination, Vec::new()));
            *destination = transmit.destination;
            packet.clear();
            packet.extend_from_slice(transmit.contents);
        }
        // In the handshake all packets are large.
        let silence = traffic.received.map(|received| received.elapsed());
        if !traffic.is_awaited && silence >= Some(SILENCE_MIN) {
            traffic.is_awaited = true;
            self.asked.notify_one();
        }
        Ok(())
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let count = ready!(self.inner.poll_recv(context, buffers, metas));
        self.traffic().received = Some(Instant::now());
        Poll::Ready(count)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    fn max_receive_segments(&self) -> usize {
        self.inner.max_receive_segments()
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

#[cfg(test)]
mod tests;
