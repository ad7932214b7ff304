//! The UDP socket that quinn uses: it copies each received datagram, queues datagrams by sender, and limits how many bytes
//! go to an unvalidated address.
//!
//! The kernel returns many datagrams of one sender in one batch, which is fast. quinn 0.11.12 copies the batch into one
//! allocation and splits it. The stream assembler of quinn-proto counts only the length of a datagram when it decides
//! whether to defragment (quinn-rs/quinn#1000). So a single byte that cannot be read yet would keep 64 KiB allocated.
//! This socket copies each datagram by itself.
//!
//! The copy becomes unnecessary if quinn allocates each datagram by itself, or if the assembler counts the shared
//! allocation. quinn-rs/quinn#2735, merged for a later version, shares one allocation between even more datagrams.

use std::io::{self, IoSliceMut, Write};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use quinn::udp::{BATCH_SIZE, RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use crate::lock::lock;
use crate::network::amplification::AmplificationLimit;
use crate::network::fair_queue::FairQueue;
use crate::network::path_validation::{PathPoller, ValidatedPath};

/// The largest piece that the kernel hands over: the most that a datagram's length field can tell.
const PIECE_BYTES: usize = 64 * 1024;

/// The number of calls to the kernel before datagrams are handed on. So many calls empty the kernel's buffer,
/// unless its datagrams are very small.
const CALLS_MAX: usize = 8;

/// The socket that quinn reads and writes.
#[derive(Debug)]
pub(crate) struct Socket {
    inner: Arc<dyn AsyncUdpSocket>,
    limit: AmplificationLimit,
    received_datagrams: Mutex<Received>,
}

/// The received datagrams.
struct Received {
    /// Memory for one call to the system, for one piece after the other.
    memory: Box<[u8]>,
    /// Datagrams that are not handed on yet.
    queue: FairQueue,
}

impl Received {
    /// Receives from the kernel.
    fn receive(
        &mut self,
        socket: &dyn AsyncUdpSocket,
        limit: &AmplificationLimit,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        for _ in 0..CALLS_MAX {
            let mut metas = [RecvMeta::default(); BATCH_SIZE];
            let mut rest = self.memory.chunks_mut(PIECE_BYTES);
            let mut pieces: [_; BATCH_SIZE] =
                std::array::from_fn(|_| IoSliceMut::new(rest.next().unwrap_or_default()));
            let count = ready!(socket.poll_recv(context, &mut pieces, &mut metas))?;
            for (meta, piece) in metas.iter().zip(&pieces).take(count) {
                let bytes = piece.get(..meta.len).unwrap_or_default();
                if self.queue.put(*meta, bytes)
                    && let Some(held) = limit.credit(meta.addr, meta.len)
                {
                    // The datagram is lost if the system cannot take it now.
                    let _ = socket.try_send(&held.transmit());
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes the next waiting datagram into one of quinn's buffers.
    fn hand_on(&mut self, (buffer, meta_slot): (&mut IoSliceMut<'_>, &mut RecvMeta)) -> Option<()> {
        self.queue.next(|meta, bytes| {
            // quinn announces the size of its buffers to peers. The rest of a longer datagram is lost.
            let length = (&mut **buffer).write(bytes).unwrap_or_default();
            *meta_slot = RecvMeta { len: length, stride: length, ..meta };
        })
    }
}

impl std::fmt::Debug for Received {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Received").field("queue", &self.queue).finish_non_exhaustive()
    }
}

impl Socket {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>) -> Self {
        // The system provides only the pages that were ever used.
        let memory = vec![0; PIECE_BYTES * BATCH_SIZE].into();
        let received_datagrams = Received { memory, queue: FairQueue::default() };
        Self {
            inner,
            limit: AmplificationLimit::new(),
            received_datagrams: Mutex::new(received_datagrams),
        }
    }

    /// Sends as much as may be sent to an address that is not validated. quinn takes the rest for lost.
    fn send_limited(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        let bytes = self.limit.debit(transmit);
        let (now, rest) = transmit.contents.split_at(bytes);
        if !now.is_empty()
            && let Err(error) = self.inner.try_send(&part(transmit, now))
        {
            self.limit.refund(&transmit.destination, bytes);
            return Err(error);
        }
        if !rest.is_empty() {
            self.limit.hold(&part(transmit, rest));
        }
        Ok(())
    }
}

/// Some of the datagrams.
fn part<'a>(transmit: &Transmit<'a>, contents: &'a [u8]) -> Transmit<'a> {
    let segment_size = transmit.segment_size.filter(|size| *size < contents.len());
    let &Transmit { destination, ecn, src_ip, .. } = transmit;
    Transmit { destination, ecn, contents, segment_size, src_ip }
}

impl AsyncUdpSocket for Socket {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Box::pin(PathPoller(Arc::clone(&self.inner).create_io_poller()))
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match ValidatedPath::is_validated_for_task(transmit.destination) {
            true => self.inner.try_send(transmit),
            false => self.send_limited(transmit),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut received_datagrams = lock(&self.received_datagrams);
        loop {
            let received = received_datagrams.receive(&*self.inner, &self.limit, context);
            let slots = buffers.iter_mut().zip(&mut *metas);
            let count = slots.map_while(|slot| received_datagrams.hand_on(slot)).count();
            if count > 0 {
                return Poll::Ready(Ok(count));
            }
            // If no received datagram found room, the kernel may have more.
            ready!(received)?;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }

    fn max_transmit_segments(&self) -> usize {
        self.inner.max_transmit_segments()
    }

    /// quinn gets the datagrams one by one.
    fn max_receive_segments(&self) -> usize {
        1
    }

    fn may_fragment(&self) -> bool {
        self.inner.may_fragment()
    }
}

#[cfg(test)]
mod tests;
