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
fn handed(calls: &[&[KernelPiece]], buffers: usize, buffer_bytes: usize) -> Vec<(u16, Vec<u8>)> {
    let calls = calls.iter().rev().map(|call| call.to_vec()).collect();
    let socket = Socket::new(Arc::new(Kernel(Mutex::new(calls))));
    let mut context = Context::from_waker(std::task::Waker::noop());
    let mut all = Vec::new();
    loop {
        let mut memory = vec![vec![0; buffer_bytes]; buffers];
        let mut buffers: Vec<_> = memory.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
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
