use tokio::time::{advance, timeout};

use super::*;

/// Takes all that is sent, and has something to receive at any time.
#[derive(Debug, Default)]
struct Network(Mutex<Vec<usize>>);

impl AsyncUdpSocket for Network {
    fn create_io_poller(self: Arc<Self>) -> Pin<Box<dyn UdpPoller>> {
        unimplemented!("nobody asks")
    }

    fn try_send(&self, transmit: &Transmit<'_>) -> io::Result<()> {
        self.0.lock().unwrap().push(transmit.contents.len());
        Ok(())
    }

    fn poll_recv(
        &self,
        _: &mut Context<'_>,
        _: &mut [IoSliceMut<'_>],
        _: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(1))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        unimplemented!("nobody asks")
    }
}

fn send(socket: &Socket, bytes: usize) {
    let destination = ([192, 0, 2, 1], 4433).into();
    let contents = &vec![1; bytes];
    let (ecn, segment_size, src_ip) = (None, None, None);
    socket.try_send(&Transmit { destination, ecn, contents, segment_size, src_ip }).unwrap();
}

fn receive(socket: &Socket) {
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(socket.poll_recv(&mut context, &mut [], &mut []).is_ready());
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_is_sent_more_and_more_rarely_and_one_that_answers_is_not() {
    let network = Arc::<Network>::default();
    let socket = Socket::new(Arc::<Network>::clone(&network));
    // The handshake, and an acknowledgement at its end.
    [1200, 35].into_iter().for_each(|bytes| send(&socket, bytes));
    receive(&socket);
    send(&socket, 35);
    let has_asked = || timeout(Duration::ZERO, socket.asked.notified());
    assert!(has_asked().await.is_err(), "an acknowledgement is not answered");
    advance(Duration::from_millis(1_500)).await;
    send(&socket, 36);
    assert!(has_asked().await.is_ok());
    let waiting = timeout(Duration::from_secs(6), socket.await_answer(SILENCE_MIN)).await;
    assert!(waiting.is_err(), "no answer came");
    // After 0.2 s, 0.6 s, 1.4 s and 3 s.
    let larger = [LARGER_BYTES; 4];
    assert_eq!(*network.0.lock().unwrap(), [&[1200, 35, 35, 36], &larger[..]].concat());
    let waiting = timeout(Duration::from_secs(6), socket.await_answer(SILENCE_MIN));
    let (waited, ()) = tokio::join!(waiting, async { receive(&socket) });
    assert!(waited.is_ok(), "the answer is noticed");
    assert_eq!(network.0.lock().unwrap().len(), 8, "nothing more is sent");
}
