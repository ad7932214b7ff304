//! The UDP socket as quinn sees it: what strangers send through it is kept small on its way in, and what they
//! are sent on its way out.

use std::collections::VecDeque;
use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use quinn::udp::{RecvMeta, Transmit};
use quinn::{AsyncUdpSocket, UdpPoller};

use crate::unproven::Budgets;

/// Whether the datagrams from an address may stay together.
///
/// The kernel hands over many datagrams in one piece, which stays in memory for as long as a byte of it is
/// needed. That is fast, and it lets a stranger hold 64 KiB by a single byte that cannot be read yet.
pub(crate) trait Trust: std::fmt::Debug + Send + Sync + 'static {
    /// Whether somebody is signed in there.
    fn is_trusted(&self, address: &SocketAddr) -> bool;
}

/// A socket.
#[derive(Debug)]
pub(crate) struct Socket<T> {
    inner: Arc<dyn AsyncUdpSocket>,
    budgets: Budgets,
    trust: T,
    /// What has come and was taken apart: from one call of the system at the most.
    apart: Mutex<VecDeque<Datagrams>>,
}

/// A datagram, or several that stay together.
#[derive(Debug)]
struct Datagrams {
    meta: RecvMeta,
    bytes: Vec<u8>,
}

impl<T: Trust> Socket<T> {
    pub(crate) fn new(inner: Arc<dyn AsyncUdpSocket>, budgets: Budgets, trust: T) -> Self {
        Self { inner, budgets, trust, apart: Mutex::default() }
    }

    /// Whether datagrams came together that may not stay so.
    fn is_to_be_taken_apart(&self, meta: &RecvMeta) -> bool {
        meta.stride < meta.len && !self.trust.is_trusted(&meta.addr)
    }

    /// Takes what came, and keeps it in its order.
    fn take_apart(&self, meta: RecvMeta, bytes: &[u8], apart: &mut VecDeque<Datagrams>) {
        let length = if self.is_to_be_taken_apart(&meta) { meta.stride } else { meta.len };
        for bytes in bytes.chunks(length.max(1)) {
            let meta = RecvMeta { len: bytes.len(), stride: meta.stride.min(bytes.len()), ..meta };
            apart.push_back(Datagrams { meta, bytes: bytes.to_vec() });
        }
    }
}

impl<T: Trust> AsyncUdpSocket for Socket<T> {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        Arc::clone(&self.inner).create_io_poller()
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        match self.budgets.spend(&transmit.destination, transmit.contents.len()) {
            true => self.inner.try_send(transmit),
            // To quinn it is lost on the way.
            false => Ok(()),
        }
    }

    fn poll_recv(
        &self,
        context: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
        metas: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        let mut apart = self.apart.lock().unwrap_or_else(PoisonError::into_inner);
        if apart.is_empty() {
            let came = ready!(self.inner.poll_recv(context, buffers, metas))?;
            let metas = metas.get(..came).unwrap_or_default();
            metas.iter().for_each(|meta| self.budgets.earn(&meta.addr, meta.len));
            if !metas.iter().any(|meta| self.is_to_be_taken_apart(meta)) {
                return Poll::Ready(Ok(came));
            }
            for (meta, buffer) in metas.iter().zip(buffers.iter()) {
                self.take_apart(*meta, buffer.get(..meta.len).unwrap_or_default(), &mut apart);
            }
        }
        let mut handed = 0;
        for (buffer, meta) in buffers.iter_mut().zip(metas) {
            let Some(datagrams) = apart.pop_front() else { break };
            if let Some(place) = buffer.get_mut(..datagrams.bytes.len()) {
                place.copy_from_slice(&datagrams.bytes);
            }
            *meta = datagrams.meta;
            handed += 1;
        }
        Poll::Ready(Ok(handed))
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
mod tests {
    use super::*;

    const FRIEND: u16 = 1;
    const STRANGER: u16 = 2;

    #[derive(Debug)]
    struct Friends;

    impl Trust for Friends {
        fn is_trusted(&self, address: &SocketAddr) -> bool {
            address.port() == FRIEND
        }
    }

    /// Hands over what it was given, all at once.
    #[derive(Debug)]
    struct Kernel(Mutex<Vec<(u16, usize, Vec<u8>)>>);

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
            let mut came = 0;
            for (port, stride, bytes) in self.0.lock().unwrap().drain(..) {
                buffers[came][..bytes.len()].copy_from_slice(&bytes);
                metas[came].addr = ([127, 0, 0, 1], port).into();
                (metas[came].stride, metas[came].len) = (stride, bytes.len());
                came += 1;
            }
            if came == 0 { Poll::Pending } else { Poll::Ready(Ok(came)) }
        }

        fn local_addr(&self) -> io::Result<SocketAddr> {
            unimplemented!("nobody asks")
        }
    }

    /// What quinn gets of this: from whom, the length of each datagram, and the bytes.
    fn handed(came: &[(u16, usize, &[u8])]) -> Vec<(u16, usize, Vec<u8>)> {
        let came = came.iter().map(|(port, stride, bytes)| (*port, *stride, bytes.to_vec()));
        let kernel = Arc::new(Kernel(Mutex::new(came.collect())));
        let socket = Socket::new(kernel, Budgets::default(), Friends);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut all = Vec::new();
        loop {
            let mut memory = [[0; 16]; 3];
            let mut buffers = memory.each_mut().map(|buffer| IoSliceMut::new(buffer));
            let mut metas = [RecvMeta::default(); 3];
            match socket.poll_recv(&mut context, &mut buffers, &mut metas) {
                Poll::Pending => return all,
                Poll::Ready(came) => {
                    for (meta, buffer) in metas.iter().zip(&buffers).take(came.unwrap()) {
                        let bytes = buffer[..meta.len].to_vec();
                        all.push((meta.addr.port(), meta.stride, bytes));
                    }
                }
            }
        }
    }

    #[test]
    fn what_strangers_send_comes_one_by_one_and_in_order() {
        let apart = handed(&[
            (FRIEND, 4, b"aaaabbbbcc"),
            (STRANGER, 3, b"dddeeeff"),
            (STRANGER, 5, b"ggggg"),
        ]);
        let expected: [(u16, usize, &[u8]); 5] = [
            (FRIEND, 4, b"aaaabbbbcc"),
            (STRANGER, 3, b"ddd"),
            (STRANGER, 3, b"eee"),
            (STRANGER, 2, b"ff"),
            (STRANGER, 5, b"ggggg"),
        ];
        assert_eq!(apart, expected.map(|(port, stride, bytes)| (port, stride, bytes.to_vec())));
    }

    #[test]
    fn what_others_send_stays_together() {
        let together = handed(&[(FRIEND, 2, b"aabbcc"), (STRANGER, 4, b"dddd")]);
        let expected = vec![(FRIEND, 2, b"aabbcc".to_vec()), (STRANGER, 4, b"dddd".to_vec())];
        assert_eq!(together, expected);
    }
}
