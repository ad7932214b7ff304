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
mod tests {
    use super::*;

    /// The sender's port, the length of each datagram, and the bytes.
    type KernelPiece = (u16, usize, &'static [u8]);

    /// Pieces that the kernel hands over, call by call.
    #[derive(Debug)]
    struct Kernel(Mutex<Vec<Vec<KernelPiece>>>);

    impl AsyncUdpSocket for Kernel {
        fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
            unimplemented!("nothing is sent")
        }

        fn try_send(&self, _: &Transmit<'_>) -> io::Result<()> {
            unimplemented!("nothing is sent")
        }

        fn poll_recv(
            &self,
            _: &mut Context<'_>,
            buffers: &mut [IoSliceMut<'_>],
            metas: &mut [RecvMeta],
        ) -> Poll<io::Result<usize>> {
            let Some(call) = self.0.lock().unwrap().pop() else { return Poll::Pending };
            for (index, (port, stride, bytes)) in call.iter().enumerate() {
                buffers[index][..bytes.len()].copy_from_slice(bytes);
                metas[index].addr = ([127, 0, 0, 1], *port).into();
                (metas[index].stride, metas[index].len) = (*stride, bytes.len());
            }
            Poll::Ready(Ok(call.len()))
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            unimplemented!("nobody asks")
        }
    }

    /// The datagrams that quinn gets of these calls, with their senders' ports.
    fn handed(
        calls: &[&[KernelPiece]],
        buffers: usize,
        buffer_bytes: usize,
    ) -> Vec<(u16, Vec<u8>)> {
        let calls = calls.iter().rev().map(|call| call.to_vec()).collect();
        let socket = Socket::new(Arc::new(Kernel(Mutex::new(calls))));
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        loop {
            let mut memory = vec![vec![0; buffer_bytes]; buffers];
            let mut buffers: Vec<_> =
                memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
            let mut metas = vec![RecvMeta::default(); buffers.len()];
            match socket.poll_recv(&mut context, &mut buffers, &mut metas) {
                Poll::Pending => return all,
                Poll::Ready(count) => {
                    for (meta, buffer) in metas.iter().zip(&buffers).take(count.unwrap()) {
                        assert_eq!(meta.stride, meta.len, "several datagrams in one piece");
                        all.push((meta.addr.port(), buffer[..meta.len].to_vec()));
                    }
                }
            }
        }
    }

    #[test]
    fn datagrams_of_one_piece_are_handed_on_one_by_one_and_in_order() {
        let calls: [&[KernelPiece]; 2] =
            [&[(1, 4, b"aaaabbbbcc"), (2, 5, b"ggggg"), (3, 0, b"")], &[(4, 3, b"dddeeeff")]];
        let expected: [(u16, &[u8]); 7] = [
            (1, b"aaaa"),
            (1, b"bbbb"),
            (1, b"cc"),
            (2, b"ggggg"),
            (4, b"ddd"),
            (4, b"eee"),
            (4, b"ff"),
        ];
        let expected = expected.map(|(port, bytes)| (port, bytes.to_vec()));
        for buffers in [1, 2, 3, 32] {
            assert_eq!(handed(&calls, buffers, 16), expected, "{buffers} at a time");
        }
    }

    #[test]
    fn the_rest_of_a_datagram_that_is_too_long_is_lost() {
        let came = handed(&[&[(1, 20, b"0123456789abcdefghijklm")]], 2, 16);
        assert_eq!(came, [(1, b"0123456789abcdef".to_vec()), (1, b"klm".to_vec())]);
    }
}
